# What is known in a higher tier stays there: agents read their own tier and below, and write their
# own and, where it is handed in without an answer, above.
package agent.tools

import rego.v1

# How sensitive each upstream is. A higher tier is more sensitive, as that of an agent is more
# privileged. An upstream that is not listed has no tier, so nobody may use it.
tiers_of := {"kb": 1, "crm": 2, "finance": 3}

# Tools by which a lower tier asks something of a higher one, and their upstreams.
tiers_handed_in := {"finance.file_request": "finance"}

permit contains {"id": "tiers.read"} if {
	tiers_known_tool
	tiers_reading
	tiers_reads_below
}

permit contains {"id": "tiers.write"} if {
	tiers_known_tool
	tiers_writes_above
}

deny contains {"id": "tiers.read-up"} if {
	tiers_reading
	not tiers_reads_below
}

deny contains {"id": "tiers.write-down"} if {
	not tiers_reading
	not tiers_writes_above
}

tiers_known_tool if {
	input.call.tool in {
		"kb.search",
		"kb.publish",
		"crm.get_case",
		"crm.update_case",
		"finance.get_invoice",
		"finance.file_request",
	}
}

tiers_reading if input.call.effect == "read"

# What is neither is refused: no effect at all is not one that changes something.
tiers_writing if input.call.effect in {"write", "send", "delete", "execute", "pay"}

tiers_reads_below if {
	tiers_agent
	tiers_of[input.call.upstream] <= input.agent.tier
}

tiers_writes_above if {
	tiers_writing
	tiers_agent
	tiers_of[input.call.upstream] == input.agent.tier
}

tiers_writes_above if {
	tiers_writing
	tiers_agent
	tiers_of[input.call.upstream] > input.agent.tier
	tiers_handed_in[input.call.tool] == input.call.upstream
}

# Every text and every object is greater than every number in Rego.
tiers_agent if is_number(input.agent.tier)
