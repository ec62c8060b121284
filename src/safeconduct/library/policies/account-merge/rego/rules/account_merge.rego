# Two accounts become one, which nobody can undo: only the owner's own, and never without a yes.
package agent.tools

import rego.v1

merge_call if input.call.tool == "crm.merge_accounts"

elevate contains {"id": "merge.ask", "template": "account-merge", "ttl_s": 120} if {
	merge_call
	merge_sound
	not merge_approved
}

permit contains {"id": "merge.approved"} if {
	merge_call
	merge_sound
	merge_approved
}

deny contains {"id": "merge.not-the-owner"} if {
	merge_call
	not merge_owned
}

deny contains {"id": "merge.same-account"} if {
	merge_call
	not merge_two
}

deny contains {"id": "merge.open-orders"} if {
	merge_call
	not merge_settled
}

# Which two accounts are the same is what a stranger would want to tell.
deny contains {"id": "merge.untrusted"} if {
	merge_call
	not merge_untainted
}

merge_sound if {
	merge_owned
	merge_two
	merge_settled
	merge_untainted
}

# Both belong to the person who asked.
merge_owned if {
	input.user.kind == "person"
	is_string(input.user.id)
	input.user.id != ""
	input.facts.source_owner == input.user.id
	input.facts.target_owner == input.user.id
}

# As the system of record names them: one account may go by several names.
merge_two if {
	is_string(input.facts.source_account)
	is_string(input.facts.target_account)
	input.facts.source_account != input.facts.target_account
}

# The account that ceases to be has no orders under way. 0 and nothing like it: not false, not "0".
merge_settled if input.facts.source_open_orders == 0

merge_untainted if input.labels.integrity in {"trusted", "endorsed"}

# A person said yes to exactly this merge, in the last two minutes and not in the future.
merge_approved if {
	is_string(input.call.digest)
	input.approval.digest == input.call.digest
	is_number(input.approval.granted_at_ms)
	age_ms := input.now_ms - input.approval.granted_at_ms
	age_ms >= 0
	age_ms < 120000
}
