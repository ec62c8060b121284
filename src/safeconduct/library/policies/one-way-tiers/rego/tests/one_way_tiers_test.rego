package agent.tools_test

import data.agent.tools
import rego.v1

test_what_is_no_number_is_no_tier if {
	every tier in [null, true, "3", [3], {"3": 3}] {
		not tools.tiers_reads_below with input as {
			"agent": {"tier": tier},
			"call": {"upstream": "kb"},
		}
	}
}

test_an_upstream_without_a_tier_is_nobodys if {
	every upstream in ["wiki", "", null, ["kb"]] {
		not tools.tiers_reads_below with input as {
			"agent": {"tier": 9},
			"call": {"upstream": upstream},
		}
	}
}
