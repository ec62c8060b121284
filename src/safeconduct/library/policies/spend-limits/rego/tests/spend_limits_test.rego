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
