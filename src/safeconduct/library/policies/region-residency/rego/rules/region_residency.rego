# Data stays in its region: agents use the systems of their own, and what a task has read of one
# region goes to no other.
package agent.tools

import rego.v1

# Where upstreams and zones stand. One that is not listed stands nowhere, so nobody may use it.
residency_of_upstream := {"crm-eu": "eu", "mail-eu": "eu", "crm-us": "us", "mail-us": "us"}

residency_of_zone := {"support-eu": "eu", "support-us": "us"}

permit contains {"id": "residency.same"} if {
	input.call.tool in {
		"crm-eu.get_case",
		"crm-eu.update_case",
		"crm-us.get_case",
		"crm-us.update_case",
		"mail-eu.send",
		"mail-us.send",
	}
	residency_at_home
	residency_of_data
}

# The denies are about all tools, also those that other rules permit.
deny contains {"id": "residency.other-region"} if not residency_at_home

deny contains {"id": "residency.foreign-data"} if not residency_of_data

residency_at_home if {
	residency_of_zone[input.agent.zone] == residency_of_upstream[input.call.upstream]
}

# A task that has read nothing of a region has no such label.
residency_of_data if {
	is_object(input.labels)
	regions := object.get(input.labels, "regions", [])
	is_array(regions)
	every region in regions { region == residency_of_upstream[input.call.upstream] }
}
