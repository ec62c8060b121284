package agent.tools_test

import data.agent.tools
import rego.v1

test_a_sum_is_known_or_too_much if {
	every sum in [0, -1, null, true, "1", [1], {"a": 1}, 100001] {
		not tools.spend_within with input.facts.refunded_then_minor as sum
	}
}

test_a_count_is_a_number if {
	every count in [null, false, "", "0", [], 3, -1] {
		not tools.spend_uncounted with input.task.counts as {"payments:refund": count}
	}
	every counts in [null, [], "", 0] {
		not tools.spend_uncounted with input.task.counts as counts
	}
}

test_the_age_of_a_yes_is_looked_at_from_both_sides if {
	call := {"digest": "d"}
	yes := {"digest": "d", "granted_at_ms": 1000}
	tools.spend_approved with input as {"call": call, "approval": yes, "now_ms": 1000}
	tools.spend_approved with input as {"call": call, "approval": yes, "now_ms": 300999}
	not tools.spend_approved with input as {"call": call, "approval": yes, "now_ms": 999}
	not tools.spend_approved with input as {"call": call, "approval": yes, "now_ms": 301000}
}

test_a_yes_without_a_call_or_a_time_is_none if {
	every junk in [null, true, [], {}] {
		not tools.spend_approved with input as {
			"call": {"digest": junk},
			"approval": {"digest": junk, "granted_at_ms": 1000},
			"now_ms": 1000,
		}
		not tools.spend_approved with input as {
			"call": {"digest": "d"},
			"approval": {"digest": "d", "granted_at_ms": junk},
			"now_ms": 1000,
		}
	}
}
