package agent.tools

import rego.v1

# Who may read customers may read all of them: what many a policy says, and this story changes.
permit contains {"id": "customer.read"} if input.call.tool == "crm.get_customer"
