# Refunds: so many a task, freely up to one sum a day, with a person's yes up to another.
package agent.tools

import rego.v1

# Per customer and day, in minor units: 100.00 and 1000.00.
spend_free_minor := 10000

spend_most_minor := 100000

# Refunds of one task.
spend_most_calls := 3

spend_call if input.call.tool == "payments.refund"

permit contains {"id": "spend.small"} if {
	spend_call
	spend_uncounted
	spend_known
	input.facts.refunded_then_minor <= spend_free_minor
}

elevate contains {"id": "spend.large", "template": "refund", "ttl_s": 300} if {
	spend_call
	spend_uncounted
	spend_within
	input.facts.refunded_then_minor > spend_free_minor
	not spend_approved
}

permit contains {"id": "spend.large.approved"} if {
	spend_call
	spend_uncounted
	spend_within
	input.facts.refunded_then_minor > spend_free_minor
	spend_approved
}

deny contains {"id": "spend.too-much"} if {
	spend_call
	not spend_within
}

deny contains {"id": "spend.too-often"} if {
	spend_call
	not spend_uncounted
}

# What the customer would have got back that day after this refund, as the payment system works it
# out: it holds for all tasks and agents together, which no count of one task does.
spend_known if {
	is_number(input.facts.refunded_then_minor)
	input.facts.refunded_then_minor > 0
}

spend_within if {
	spend_known
	input.facts.refunded_then_minor <= spend_most_minor
}

# A task that has refunded nothing yet has no such count.
spend_uncounted if {
	is_object(input.task.counts)
	calls := object.get(input.task.counts, "payments:refund", 0)
	is_number(calls)
	calls >= 0
	calls < spend_most_calls
}

# A person said yes to exactly this refund, in the last five minutes and not in the future.
spend_approved if {
	is_string(input.call.digest)
	input.approval.digest == input.call.digest
	is_number(input.approval.granted_at_ms)
	age_ms := input.now_ms - input.approval.granted_at_ms
	age_ms >= 0
	age_ms < 300000
}
