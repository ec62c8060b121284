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

test_the_age_of_a_yes_is_looked_at_from_both_sides if {
	call := {"digest": "d"}
	yes := {"digest": "d", "granted_at_ms": 1000}
	tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 1000}
	tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 300999}
	not tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 999}
	not tools.opportunity_approved with input as {"call": call, "approval": yes, "now_ms": 301000}
}
