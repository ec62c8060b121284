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

test_tenants_are_a_list_of_this_one if {
	every labels in [{}, {"tenants": []}, {"tenants": ["t"]}] {
		tools.tenant_unmixed with input as {"task": {"tenant": "t"}, "labels": labels}
	}
	every labels in [null, [], {"tenants": null}, {"tenants": "t"}, {"tenants": {"0": "t"}}] {
		not tools.tenant_unmixed with input as {"task": {"tenant": "t"}, "labels": labels}
	}
}
