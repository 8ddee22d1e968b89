"""When schedules start: triggers, calendars and fire times; pure, the time is an argument.

cron, rate, at -> days -> fire_times -> waiting -> due; docs/decisions/0014-fire-times.md says why.
"""
