# What the assistant is for. Which of it a task may do, its profile says.
package agent.tools

import rego.v1

reading := {"mail:read", "contact:read", "event:read", "file:read"}

writing := {"file:create", "file:append"}

sending := {"mail:send", "event:create", "event:move", "event:invite", "file:share"}

deleting := {"mail:delete", "event:cancel", "file:delete"}

permit contains {"id": "workspace.read"} if {
	input.call.upstream == "workspace"
	input.call.effect == "read"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in reading }
}

permit contains {"id": "workspace.write"} if {
	input.call.upstream == "workspace"
	input.call.effect == "write"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in writing }
}

permit contains {"id": "workspace.send"} if {
	input.call.upstream == "workspace"
	input.call.effect == "send"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in sending }
}

permit contains {"id": "workspace.delete"} if {
	input.call.upstream == "workspace"
	input.call.effect == "delete"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in deleting }
}
