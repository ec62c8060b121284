package agent.tools_test

import data.agent.tools
import rego.v1

asks := {
	"user": {"kind": "person", "id": "jane@crm.example"},
	"task": {"purpose_source": "user"},
	"facts": {"case_analyst": "jane@crm.example"},
}

test_the_analyst_is_a_person_who_asked if {
	tools.pii_analyst_asks with input as asks
	not tools.pii_analyst_asks with input as object.union(asks, {"user": {"kind": "service"}})
	not tools.pii_analyst_asks with input as object.union(asks, {"user": {"id": "JANE@crm.example"}})
}

test_two_who_are_not_known_are_not_the_same if {
	every id in [null, "", false, 0, [], {}] {
		not tools.pii_analyst_asks with input as object.union(
			asks,
			{"user": {"id": id}, "facts": {"case_analyst": id}},
		)
	}
}
