# Opportunities: reading them, changing fields that commit nobody, and with a person's yes amounts by
# less than 10 %.
package agent.tools

import rego.v1

# Who may read, and who may change. A higher tier is more privileged. Sets of tiers, because null <= 2
# holds in Rego.
opportunity_readers := {1, 2, 3}

opportunity_tiers := {2, 3}

# Fields that commit nobody to anything.
opportunity_harmless := {"stage", "next_step", "close_date"}

opportunity_update if {
	input.call.tool == "crm.update_opportunity"
}

# Effect and tool must agree: a tool whose definition nobody reviewed, or that changed since, does not
# have the effect `read`.
permit contains {"id": "opportunity.read"} if {
	input.call.tool == "crm.get_opportunity"
	input.call.effect == "read"
	input.agent.tier in opportunity_readers
}

permit contains {"id": "opportunity.fields"} if {
	opportunity_update
	opportunity_plain
}

elevate contains {"id": "opportunity.amount", "template": "opportunity-amount", "ttl_s": 300} if {
	opportunity_update
	opportunity_small_amount
	not opportunity_approved
}

permit contains {"id": "opportunity.amount.approved"} if {
	opportunity_update
	opportunity_small_amount
	opportunity_approved
}

# Whatever else permits: nothing but these two kinds of changes.
deny contains {"id": "opportunity.refused"} if {
	opportunity_update
	not opportunity_plain
	not opportunity_small_amount
}

# What the call sets. What is no array opens nothing, and a field that is no listed name stays.
opportunity_changes := {field |
	is_array(input.call.fields)
	some field in input.call.fields
}

opportunity_plain if {
	input.agent.tier in opportunity_tiers
	count(opportunity_changes) > 0
	count(opportunity_changes - opportunity_harmless) == 0
}

# Up or down, as a cut of 95 % is no small change. The second fact is measured from where this task
# found the amount, so that many small changes are not a large one. Both come from the system of
# record; where one is missing, no change is small.
opportunity_small_amount if {
	input.agent.tier in opportunity_tiers
	"amount_minor" in opportunity_changes
	count(opportunity_changes - (opportunity_harmless | {"amount_minor"})) == 0
	is_number(input.facts.delta_bps)
	abs(input.facts.delta_bps) < 1000
	is_number(input.facts.task_delta_bps)
	abs(input.facts.task_delta_bps) < 1000
}

# A person said yes to exactly this call, in the last five minutes and not in the future.
opportunity_approved if {
	is_string(input.call.digest)
	input.approval.digest == input.call.digest
	is_number(input.approval.granted_at_ms)
	age_ms := input.now_ms - input.approval.granted_at_ms
	age_ms >= 0
	age_ms < 300000
}
