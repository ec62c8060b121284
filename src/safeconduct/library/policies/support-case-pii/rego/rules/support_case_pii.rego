# Customers' personal data, for the analyst who is named on the customer's active support case.
package agent.tools

import rego.v1

pii_tools := {"crm.get_customer"}

permit contains {"id": "pii.case"} if {
	input.call.tool in pii_tools
	pii_case_is_active
	pii_analyst_asks
	pii_read
}

deny contains {"id": "pii.no-active-case"} if {
	input.call.tool in pii_tools
	not pii_case_is_active
}

deny contains {"id": "pii.not-the-analyst"} if {
	input.call.tool in pii_tools
	not pii_analyst_asks
}

# A tool whose definition nobody reviewed, or that changed since, does not have this effect.
deny contains {"id": "pii.not-a-read"} if {
	input.call.tool in pii_tools
	not pii_read
}

# The case is looked up by the customer that the call is about: a case of another one opens nothing.
pii_case_is_active if input.facts.case_status == "active"

# A person, who asked for this task, and whom the case names. An agent that set itself to work, or a
# workflow under the analyst's name, is not the analyst.
pii_analyst_asks if {
	input.user.kind == "person"
	input.task.purpose_source in {"user", "app"}
	is_string(input.user.id)
	input.user.id != ""
	input.facts.case_analyst == input.user.id
}

pii_read if input.call.effect == "read"
