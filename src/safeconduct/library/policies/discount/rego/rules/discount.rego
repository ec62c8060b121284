# Prices below the list price: freely down to 5 %, with a person's yes down to 15 %, and no further.
package agent.tools

import rego.v1

# Basis points below the list price: 100 are 1 %.
discount_free_bps := 500

discount_most_bps := 1500

discount_set if input.call.tool == "sales.set_price"

permit contains {"id": "discount.small"} if {
	discount_set
	discount_price_alone
	discount_bps <= discount_free_bps
}

elevate contains {"id": "discount.large", "template": "discount", "ttl_s": 300} if {
	discount_set
	discount_price_alone
	discount_bps > discount_free_bps
	discount_bps <= discount_most_bps
	not discount_approved
}

permit contains {"id": "discount.large.approved"} if {
	discount_set
	discount_price_alone
	discount_bps > discount_free_bps
	discount_bps <= discount_most_bps
	discount_approved
}

deny contains {"id": "discount.too-large"} if {
	discount_set
	not discount_within
}

# Terms that ride along with a price are a discount that nobody measured.
deny contains {"id": "discount.more-than-a-price"} if {
	discount_set
	not discount_price_alone
}

discount_within if discount_bps <= discount_most_bps

# How far below the list price this call and the task as a whole would go. Without both facts there
# is no discount that could be compared, and a price above the list price is none at all.
discount_bps := max({abs(delta) | some delta in discount_deltas}) if {
	is_number(input.facts.delta_bps)
	is_number(input.facts.task_delta_bps)
	every delta in discount_deltas { delta <= 0 }
}

discount_deltas := {input.facts.delta_bps, input.facts.task_delta_bps}

discount_price_alone if {
	is_array(input.call.fields)
	{field | some field in input.call.fields} == {"price_minor"}
}

# A person said yes to exactly this call, in the last five minutes and not in the future.
discount_approved if {
	is_string(input.call.digest)
	input.approval.digest == input.call.digest
	is_number(input.approval.granted_at_ms)
	age_ms := input.now_ms - input.approval.granted_at_ms
	age_ms >= 0
	age_ms < 300000
}
