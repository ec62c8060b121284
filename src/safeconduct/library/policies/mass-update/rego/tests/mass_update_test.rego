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
