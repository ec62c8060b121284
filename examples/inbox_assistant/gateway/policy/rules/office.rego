# What the assistant is for. Which of it a task may do, its profile says.
package agent.tools

import rego.v1

office := {"groupware", "drive", "web", "bank"}

permit contains {"id": "office"} if input.call.upstream in office
