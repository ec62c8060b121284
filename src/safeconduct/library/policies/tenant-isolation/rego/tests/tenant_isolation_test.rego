package agent.tools_test

import data.agent.tools
import rego.v1

test_a_tenant_without_a_name_is_none if {
	every name in [null, "", false, [], {}] {
		not tools.tenant_own_record with input as {
			"task": {"tenant": name},
			"facts": {"record_tenant": name},
		}
	}
}
