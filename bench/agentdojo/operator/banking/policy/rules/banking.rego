# What the assistant is for. Which of it a task may do, its profile says.
package agent.tools

import rego.v1

asking := {"account:read", "payment:read", "order:read", "document:read", "details:read"}

changing := {"payment:send", "order:create", "order:change", "details:change", "password:change"}

permit contains {"id": "banking.ask"} if {
	input.call.upstream == "banking"
	input.call.effect == "read"
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in asking }
}

permit contains {"id": "banking.change"} if {
	input.call.upstream == "banking"
	input.call.effect in {"pay", "write"}
	count(input.call.scopes) > 0
	every scope in input.call.scopes { scope in changing }
}
