package agent.tools

import rego.v1

permit contains {"id": "read"} if input.call.tool == "crm.get_case"
