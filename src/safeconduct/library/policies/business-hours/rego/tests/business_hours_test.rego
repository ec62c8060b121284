package agent.tools_test

import data.agent.tools
import rego.v1

test_the_wall_shows_another_time_in_summer if {
	# 2026-11-16T09:30:00Z and 2027-07-01T07:00:00Z.
	tools.hours_minute == 630 with input.now_ms as 1794821400000
	tools.hours_minute == 540 with input.now_ms as 1814425200000
}

test_the_clock_is_put_forward_and_back_once if {
	# 2026-10-25T01:00:00Z and 2027-03-28T01:00:00Z, and the millisecond before each.
	tools.hours_minute == 179 with input.now_ms as 1792889999999
	tools.hours_minute == 120 with input.now_ms as 1792890000000
	tools.hours_minute == 119 with input.now_ms as 1806195599999
	tools.hours_minute == 180 with input.now_ms as 1806195600000
	tools.hours_minute == 180 with input.now_ms as 1774746000000
	tools.hours_minute == 119 with input.now_ms as 1837645199999
}

test_weekdays_are_those_of_the_calendar if {
	tools.hours_weekday == 1 with input.now_ms as 1794821400000
	tools.hours_weekday == 7 with input.now_ms as 1795339800000
}

test_beyond_the_table_there_is_no_time if {
	every now_ms in [0, -1, 1774745999999, 1837645200000, null, "noon", true] {
		not tools.hours_wall with input.now_ms as now_ms
	}
}
