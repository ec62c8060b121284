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

test_fields_are_a_list if {
	tools.discount_price_alone with input.call.fields as ["price_minor"]
	every fields in ["price_minor", {"0": "price_minor"}, null, [], ["price_minor", null]] {
		not tools.discount_price_alone with input.call.fields as fields
	}
}

test_the_age_of_a_yes_is_looked_at_from_both_sides if {
	call := {"digest": "d"}
	yes := {"digest": "d", "granted_at_ms": 1000}
	tools.discount_approved with input as {"call": call, "approval": yes, "now_ms": 1000}
	tools.discount_approved with input as {"call": call, "approval": yes, "now_ms": 300999}
	not tools.discount_approved with input as {"call": call, "approval": yes, "now_ms": 999}
	not tools.discount_approved with input as {"call": call, "approval": yes, "now_ms": 301000}
}

test_a_yes_without_a_call_or_a_time_is_none if {
	every junk in [null, true, [], {}] {
		not tools.discount_approved with input as {
			"call": {"digest": junk},
			"approval": {"digest": junk, "granted_at_ms": 1000},
			"now_ms": 1000,
		}
		not tools.discount_approved with input as {
			"call": {"digest": "d"},
			"approval": {"digest": "d", "granted_at_ms": junk},
			"now_ms": 1000,
		}
	}
}
