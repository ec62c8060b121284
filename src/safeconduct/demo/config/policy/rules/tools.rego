package agent.tools

import rego.v1

# What the sales copilot may do at all. Where data may flow is not decided here.

reads := {"crm.get_case", "crm.get_opportunity", "crm.list_customers"}

permit contains {"id": "crm.read"} if input.call.tool in reads

permit contains {"id": "mail.reply"} if input.call.tool == "mail.send"

editable := {"stage", "next_step", "close_date"}

permit contains {"id": "opportunity.fields"} if {
	input.call.tool == "crm.update_opportunity"
	is_number(input.agent.tier)
	input.agent.tier in {2, 3}
	count(input.call.fields) > 0
	every field in input.call.fields {
		is_string(field)
		field in editable
	}
}

# A price is changed alone, and with the yes of a sales lead to exactly this call.
price if {
	input.call.tool == "crm.update_opportunity"
	is_number(input.agent.tier)
	input.agent.tier in {2, 3}
	input.call.fields == ["amount_minor"]
}

agreed if {
	is_string(input.call.digest)
	input.approval.digest == input.call.digest
}

elevate contains {"id": "opportunity.price", "template": "discount", "ttl_s": 300} if {
	price
	not agreed
}

permit contains {"id": "opportunity.price.agreed"} if {
	price
	agreed
}
