package agent.tools_test

import data.agent.tools
import rego.v1

test_regions_are_a_list_of_this_one if {
	every labels in [{}, {"regions": []}, {"regions": ["eu"]}, {"regions": ["eu", "eu"]}] {
		tools.residency_of_data with input as {"call": {"upstream": "crm-eu"}, "labels": labels}
	}
	every labels in [null, [], {"regions": null}, {"regions": "eu"}, {"regions": {"0": "eu"}}] {
		not tools.residency_of_data with input as {
			"call": {"upstream": "crm-eu"},
			"labels": labels,
		}
	}
}

test_two_that_stand_nowhere_are_not_in_one_region if {
	not tools.residency_at_home with input as {"agent": {"zone": "?"}, "call": {"upstream": "?"}}
	not tools.residency_at_home with input as {"agent": {"zone": null}, "call": {"upstream": null}}
	not tools.residency_at_home with input as {}
}
