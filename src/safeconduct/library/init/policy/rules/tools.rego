package agent.tools

import rego.v1

# Nothing is permitted that no rule permits. A missing or mistyped fact must close the gate, so a rule
# asks for the tools it means by name.

permit contains {"id": "crm.read"} if input.call.tool == "crm.get_case"

permit contains {"id": "crm.comment"} if {
	input.call.tool == "crm.comment"
	is_number(input.agent.tier)
	input.agent.tier in {2, 3}
}
