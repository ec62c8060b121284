package agent.tools_test

import data.agent.tools
import rego.v1

test_no_change_is_small_in_one_direction_only if {
	every delta in [-1000, 1000, -9500] {
		not tools.opportunity_small_amount with input as {
			"agent": {"tier": 2},
			"call": {"fields": ["amount_minor"]},
			"facts": {"delta_bps": delta, "task_delta_bps": 0},
		}
	}
}

test_what_is_no_amount_is_no_small_one if {
	every delta in [null, true, "5", [5], {"5": 5}] {
		every facts in [
			{"delta_bps": delta, "task_delta_bps": 0},
			{"delta_bps": 0, "task_delta_bps": delta},
		] {
			not tools.opportunity_small_amount with input as {
				"agent": {"tier": 2},
				"call": {"fields": ["amount_minor"]},
				"facts": facts,
			}
		}
	}
}

test_fields_are_a_list if {
	every fields in ["stage", {"0": "stage"}, null, true] {
		tools.opportunity_changes == set() with input.call.fields as fields
	}
}

test_the_age_of_a_yes_is_looked_at_from_both_sides if {
	call := {"digest": "d"}
	yes := {"digest": "d", "granted_at_ms": 1000}
	tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 1000}
	tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 300999}
	not tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 999}
	not tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 301000}
}

test_a_yes_without_a_call_or_a_time_is_none if {
	every junk in [null, true, [], {}] {
		not tools.opportunity_approved with input as {
			"call": {"digest": junk},
			"approval": {"digest": junk, "granted_at_ms": 1000},
			"now_ms": 1000,
		}
		not tools.opportunity_approved with input as {
			"call": {"digest": "d"},
			"approval": {"digest": "d", "granted_at_ms": junk},
			"now_ms": 1000,
		}
	}
}
