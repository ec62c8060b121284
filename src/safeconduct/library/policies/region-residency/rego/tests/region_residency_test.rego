package agent.tools_test

import data.agent.tools
import rego.v1

test_two_that_stand_nowhere_are_not_in_one_region if {
	not tools.residency_at_home with input as {"agent": {"zone": "?"}, "call": {"upstream": "?"}}
	not tools.residency_at_home with input as {"agent": {"zone": null}, "call": {"upstream": null}}
	not tools.residency_at_home with input as {}
}
