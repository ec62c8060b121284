# What agents may do with the CRM. Nothing is permitted that no rule here permits.
# A higher tier is more privileged; which tiers may do what stands in data/crm.json.
package agent.tools

import rego.v1

# Reading a record. Effect and tool must agree: a tool whose definition nobody reviewed, or that
# changed since, does not have the effect `read` here.
permit contains {"id": "crm.read"} if {
	input.call.tool in {
		"crm.get_case",
		"crm.get_opportunity",
		"crm.list_customers",
		"crm.customers_on_file",
	}
	input.call.effect == "read"
	input.agent.tier in data.crm.tiers.read
}

# The fields that an update would set. What is no array, or holds anything but names that are listed
# below, opens nothing.
changes := {field |
	is_array(input.call.fields)
	some field in input.call.fields
}

# Fields that commit nobody to anything.
permit contains {"id": "opportunity.fields"} if {
	input.call.tool == "crm.update_opportunity"
	input.agent.tier in data.crm.tiers.fields
	count(changes) > 0
	count(changes - {"stage", "next_step", "close_date"}) == 0
}

# Amounts: changes of less than 10 %, up or down. The second fact is measured from where this task
# found the amount, so that many small changes are not a large one. Both come from the system of
# record; where one is missing, there is no change that is small.
small_amount if {
	input.agent.tier in data.crm.tiers.amount
	"amount_minor" in changes
	count(changes - {"stage", "next_step", "close_date", "amount_minor"}) == 0
	is_number(input.facts.delta_bps)
	abs(input.facts.delta_bps) < 1000
	is_number(input.facts.task_delta_bps)
	abs(input.facts.task_delta_bps) < 1000
}

# A person said yes to exactly this call, in the last five minutes and not in the future.
approved if {
	is_string(input.call.digest)
	input.approval.digest == input.call.digest
	age_ms := input.now_ms - input.approval.granted_at_ms
	age_ms >= 0
	age_ms < 300000
}

elevate contains {"id": "opportunity.amount", "template": "opportunity-amount", "ttl_s": 300} if {
	input.call.tool == "crm.update_opportunity"
	small_amount
	not approved
}

permit contains {"id": "opportunity.amount.approved"} if {
	input.call.tool == "crm.update_opportunity"
	small_amount
	approved
}
