package agent.tools

import rego.v1

permit contains {"id": "desk"} if input.call.tool in {"desk.read_case", "desk.write_note"}
