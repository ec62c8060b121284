package agent.tools_test

import data.agent.tools
import rego.v1

test_a_selection_is_counted_or_not_made if {
	task := {"counts": {}}
	every matching in [1, 500] {
		tools.bulk_counted with input as {"facts": {"matching": matching}, "task": task}
	}
	every matching in [0, -1, 501, null, true, "1", [1], {"a": 1}] {
		not tools.bulk_counted with input as {"facts": {"matching": matching}, "task": task}
	}
}

test_only_the_first_of_a_task_is_small if {
	tools.bulk_is_small with input as {"facts": {"matching": 1}, "task": {"counts": {}}}
	every count in [1, -1, null, false] {
		not tools.bulk_is_small with input as {
			"facts": {"matching": 1},
			"task": {"counts": {"crm:account:update-many": count}},
		}
	}
}

test_counts_are_an_object_of_numbers if {
	every counts in [null, [], "", {"crm:account:update-many": null}] {
		not tools.bulk_calls with input.task.counts as counts
	}
}

test_the_age_of_a_yes_is_looked_at_from_both_sides if {
	call := {"digest": "d"}
	yes := {"digest": "d", "granted_at_ms": 1000}
	tools.bulk_approved with input as {"call": call, "approval": yes, "now_ms": 1000}
	tools.bulk_approved with input as {"call": call, "approval": yes, "now_ms": 300999}
	not tools.bulk_approved with input as {"call": call, "approval": yes, "now_ms": 999}
	not tools.bulk_approved with input as {"call": call, "approval": yes, "now_ms": 301000}
}

test_a_yes_without_a_call_or_a_time_is_none if {
	every junk in [null, true, [], {}] {
		not tools.bulk_approved with input as {
			"call": {"digest": junk},
			"approval": {"digest": junk, "granted_at_ms": 1000},
			"now_ms": 1000,
		}
		not tools.bulk_approved with input as {
			"call": {"digest": "d"},
			"approval": {"digest": "d", "granted_at_ms": junk},
			"now_ms": 1000,
		}
	}
}
