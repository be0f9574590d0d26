"""Sprints that come again by a rule, each with its round, so that a year runs by itself.

The rule is a document (rules.py) in versions that two persons put in force (versions.py). What a
sprint offers comes from the pools' calendars (offers.py); `broker tick` announces what the rule
says is due (announcing.py). Start at rules.py; the screen reads dashboards/sprints.py.
"""
