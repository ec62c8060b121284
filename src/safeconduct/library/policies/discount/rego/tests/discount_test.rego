package agent.tools_test

import data.agent.tools
import rego.v1

test_the_larger_of_both_discounts_counts if {
	tools.discount_bps == 700 with input.facts as {"delta_bps": -300, "task_delta_bps": -700}
	tools.discount_bps == 700 with input.facts as {"delta_bps": -700, "task_delta_bps": -300}
}

test_what_cannot_be_measured_is_no_discount if {
	every facts in [
		{},
		{"delta_bps": 0},
		{"task_delta_bps": 0},
		{"delta_bps": null, "task_delta_bps": null},
		{"delta_bps": "-1", "task_delta_bps": -1},
		{"delta_bps": 1, "task_delta_bps": -1},
	] {
		not tools.discount_bps with input.facts as facts
	}
}
