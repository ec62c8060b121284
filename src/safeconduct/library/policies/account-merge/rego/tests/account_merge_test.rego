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
