package agent.tools_test

import data.agent.tools
import rego.v1

clean := {"integrity": "trusted", "confidentiality": "internal", "categories": []}

test_clean_is_what_is_known_to_be if {
	tools.split_clean with input.labels as clean
	every part in ["integrity", "confidentiality", "categories"] {
		not tools.split_clean with input.labels as object.remove(clean, [part])
	}
	every part in ["integrity", "confidentiality", "categories"] {
		not tools.split_clean with input.labels as object.union(clean, {part: null})
	}
	every categories in [["pii"], ["other", "pii"], [null], [1], [["pii"]], {"other"}, "other"] {
		not tools.split_clean with input.labels.categories as categories
	}
}
