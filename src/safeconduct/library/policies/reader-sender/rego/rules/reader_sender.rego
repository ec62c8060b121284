# Who reads what strangers write sends nothing, and who sends reads nothing of theirs.
package agent.tools

import rego.v1

# The two zones. An agent stands in one of them, so no agent can do both.
split_readers := "readers"

split_senders := "senders"

permit contains {"id": "split.read"} if {
	input.call.tool in {"mail.search", "mail.read_message", "crm.get_case"}
	input.agent.zone == split_readers
	input.call.effect == "read"
}

permit contains {"id": "split.send"} if {
	input.call.tool in {"mail.send"}
	input.agent.zone == split_senders
	input.call.effect == "send"
	split_clean
}

# The three denies are about all tools, also those that other rules permit.
deny contains {"id": "split.reader-acts"} if {
	input.agent.zone == split_readers
	not input.call.effect == "read"
}

deny contains {"id": "split.sender-reads"} if {
	input.agent.zone == split_senders
	not input.call.effect == "send"
}

deny contains {"id": "split.sender-tainted"} if {
	input.agent.zone == split_senders
	not split_clean
}

# A zone that is neither is not in the plan.
deny contains {"id": "split.no-zone"} if {
	not split_placed
}

split_placed if input.agent.zone in {split_readers, split_senders}

# A part of a task that a reader hands to a sender has the labels of the reader's task. So a sender
# works for whoever asked it, or on what a person has endorsed.
split_clean if {
	input.labels.integrity in {"trusted", "endorsed"}
	input.labels.confidentiality in {"public", "internal"}
	is_array(input.labels.categories)
	every category in input.labels.categories {
		is_string(category)
		category != "pii"
	}
}
