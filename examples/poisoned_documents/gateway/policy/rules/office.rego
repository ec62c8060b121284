# What the assistant is for. Which of it a task may do, its profile says.
package agent.tools

import rego.v1

permit contains {"id": "office"} if input.call.upstream in {"files", "mail"}
