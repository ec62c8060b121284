# What the assistant is for. Which of it a task may do, its profile says.
package agent.tools

import rego.v1

reading := {"channel:list", "channel:read", "member:list", "inbox:read", "web:read"}

writing := {"channel:post", "message:send", "web:publish"}

managing := {"member:add", "people:invite", "people:remove"}

permit contains {"id": "slack.read"} if {
	input.call.upstream == "slack"
	input.call.effect == "read"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in reading }
}

permit contains {"id": "slack.write"} if {
	input.call.upstream == "slack"
	input.call.effect == "send"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in writing }
}

permit contains {"id": "slack.manage"} if {
	input.call.upstream == "slack"
	input.call.effect in {"send", "write", "delete"}
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in managing }
}
