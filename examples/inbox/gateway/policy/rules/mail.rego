package agent.tools

import rego.v1

permit contains {"id": "mail"} if input.call.tool in {"mail.read_inbox", "mail.send", "mail.delete"}
