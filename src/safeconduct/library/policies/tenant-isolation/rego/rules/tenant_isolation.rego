# Every call stays within the tenant of its task: searches are constrained to it, and records that
# are named by id have to be of it.
package agent.tools

import rego.v1

# Tools that take `tenant_id`, which the gateway sets: no agent chooses it.
tenant_searches := {"crm.search_accounts"}

# Tools that take the id of a record, whose tenant the system of record knows.
tenant_records := {"crm.get_account", "crm.update_account"}

permit contains {"id": "tenant.search", "obligations": ["own-tenant"]} if {
	input.call.tool in tenant_searches
	tenant_known
	tenant_unmixed
}

permit contains {"id": "tenant.record"} if {
	input.call.tool in tenant_records
	tenant_own_record
	tenant_unmixed
}

deny contains {"id": "tenant.foreign-record"} if {
	input.call.tool in tenant_records
	not tenant_own_record
}

# About all tools, also those that other rules permit: what was read of another tenant goes nowhere.
deny contains {"id": "tenant.mixed"} if not tenant_unmixed

tenant_known if {
	is_string(input.task.tenant)
	input.task.tenant != ""
}

tenant_own_record if {
	tenant_known
	input.facts.record_tenant == input.task.tenant
}

# A task that has read nothing of a tenant has no such label.
tenant_unmixed if {
	tenant_known
	is_object(input.labels)
	tenants := object.get(input.labels, "tenants", [])
	is_array(tenants)
	every tenant in tenants { tenant == input.task.tenant }
}
