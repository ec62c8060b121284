# One call that changes many records: a few freely, once; more with a person's yes; never a flood.
package agent.tools

import rego.v1

# How many records one call may change freely, and at most.
bulk_free := 20

bulk_most := 500

bulk_fields := {"stage", "next_step", "segment"}

bulk_call if input.call.tool == "crm.update_many"

permit contains {"id": "bulk.small"} if {
	bulk_call
	bulk_harmless
	bulk_counted
	bulk_is_small
}

elevate contains {"id": "bulk.large", "template": "mass-update", "ttl_s": 300} if {
	bulk_call
	bulk_harmless
	bulk_counted
	not bulk_is_small
	not bulk_approved
}

permit contains {"id": "bulk.large.approved"} if {
	bulk_call
	bulk_harmless
	bulk_counted
	not bulk_is_small
	bulk_approved
}

deny contains {"id": "bulk.too-many"} if {
	bulk_call
	not bulk_counted
}

deny contains {"id": "bulk.other-fields"} if {
	bulk_call
	not bulk_harmless
}

# How many records the system of record says this very selection matches. Not even one is no
# selection, and a number that is missing is not a small one.
bulk_counted if {
	is_number(input.facts.matching)
	input.facts.matching >= 1
	input.facts.matching <= bulk_most
	bulk_calls >= 0
}

# The first of this task: a selection cut in slices is as large as before.
bulk_is_small if {
	input.facts.matching <= bulk_free
	bulk_calls == 0
}

# How many there were in this task, which has no such count before the first.
bulk_calls := calls if {
	is_object(input.task.counts)
	calls := object.get(input.task.counts, "crm:account:update-many", 0)
	is_number(calls)
}

bulk_harmless if {
	bulk_changes := {field |
		is_array(input.call.fields)
		some field in input.call.fields
	}
	"selection" in bulk_changes
	count(bulk_changes) > 1
	count(bulk_changes - (bulk_fields | {"selection"})) == 0
}

# A person said yes to exactly this call, in the last five minutes and not in the future.
bulk_approved if {
	is_string(input.call.digest)
	input.approval.digest == input.call.digest
	is_number(input.approval.granted_at_ms)
	age_ms := input.now_ms - input.approval.granted_at_ms
	age_ms >= 0
	age_ms < 300000
}
