package agent.tools_test

import data.agent.tools
import rego.v1

test_no_orders_are_none_and_nothing_like_it if {
	tools.merge_settled with input.facts.source_open_orders as 0
	every count in [1, -1, false, null, "", "0", [], {}] {
		not tools.merge_settled with input.facts.source_open_orders as count
	}
}

test_two_accounts_that_are_not_known_are_not_two if {
	every pair in [[null, "A-2"], [false, true], [1, 2], ["A-1", null]] {
		not tools.merge_two with input.facts as {"source_account": pair[0], "target_account": pair[1]}
	}
}

test_the_age_of_a_yes_is_looked_at_from_both_sides if {
	call := {"digest": "d"}
	yes := {"digest": "d", "granted_at_ms": 1000}
	tools.merge_approved with input as {"call": call, "approval": yes, "now_ms": 1000}
	tools.merge_approved with input as {"call": call, "approval": yes, "now_ms": 120999}
	not tools.merge_approved with input as {"call": call, "approval": yes, "now_ms": 999}
	not tools.merge_approved with input as {"call": call, "approval": yes, "now_ms": 121000}
}

test_a_yes_without_a_call_or_a_time_is_none if {
	every junk in [null, true, [], {}] {
		not tools.merge_approved with input as {
			"call": {"digest": junk},
			"approval": {"digest": junk, "granted_at_ms": 1000},
			"now_ms": 1000,
		}
		not tools.merge_approved with input as {
			"call": {"digest": "d"},
			"approval": {"digest": "d", "granted_at_ms": junk},
			"now_ms": 1000,
		}
	}
}
