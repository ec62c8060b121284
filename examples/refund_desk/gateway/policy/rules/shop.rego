# What the assistant is for. From where on a person is asked, the manifest says.
package agent.tools

import rego.v1

permit contains {"id": "shop"} if input.call.upstream == "shop"
