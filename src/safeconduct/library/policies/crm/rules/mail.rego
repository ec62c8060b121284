# Mail on behalf of the user. To whom it may go is decided by the manifest of the mail tool.
package agent.tools

import rego.v1

# A task that has read something restricted sends no mail at all.
permit contains {"id": "mail.send"} if {
	input.call.tool == "mail.send"
	input.agent.tier in data.crm.tiers.send
	input.labels.confidentiality in {"public", "internal", "confidential"}
}
