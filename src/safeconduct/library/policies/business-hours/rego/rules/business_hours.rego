# What needs people within reach happens in business hours. The time is that of the decision, which
# its record holds, so that a replay decides alike.
package agent.tools

import rego.v1

hours_tools := {"payments.release", "crm.export_accounts"}

permit contains {"id": "hours.open"} if input.call.tool in hours_tools

deny contains {"id": "hours.closed"} if {
	input.call.tool in hours_tools
	not hours_open
}

deny contains {"id": "hours.holiday"} if {
	input.call.tool in hours_tools
	hours_holiday
}

hours_open if {
	hours_weekday in data.hours.weekdays
	hours_minute >= data.hours.opens
	hours_minute < data.hours.closes
}

# The time on the wall, in minutes: UTC and the minutes that the table adds to it. Neither before
# the table begins nor after it ends is there such a time, so all is closed until somebody extends it.
hours_wall := ((input.now_ms - (input.now_ms % 60000)) / 60000) + offset.minutes if {
	is_number(input.now_ms)
	some offset in data.hours.offsets
	input.now_ms >= offset.from_ms
	input.now_ms < offset.until_ms
}

hours_minute := hours_wall % 1440

# 1 January 1970 was a Thursday. 1 is Monday, 7 is Sunday.
hours_weekday := ((((hours_wall - hours_minute) / 1440) + 3) % 7) + 1

hours_holiday if {
	some holiday in data.hours.holidays
	input.now_ms >= holiday.from_ms
	input.now_ms < holiday.until_ms
}
