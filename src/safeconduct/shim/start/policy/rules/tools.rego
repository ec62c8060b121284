package agent.tools

import rego.v1

# One command, one agent: its manifest decides. Narrow it by naming tools.
permit contains {"id": "local"} if input.call.upstream == "local"
