# What the assistant is for. Which of it a task may do, its profile says.
package agent.tools

import rego.v1

looking := {"directory:read", "review:read", "flight:read", "details:read", "event:read"}

permit contains {"id": "travel.look"} if {
	input.call.upstream == "travel"
	input.call.effect == "read"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in looking }
}

permit contains {"id": "travel.reserve"} if {
	input.call.upstream == "travel"
	input.call.effect == "pay"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope == "reservation:make" }
}

permit contains {"id": "travel.send"} if {
	input.call.upstream == "travel"
	input.call.effect == "send"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in {"event:create", "mail:send"} }
}

permit contains {"id": "travel.cancel"} if {
	input.call.upstream == "travel"
	input.call.effect == "delete"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope == "event:cancel" }
}
