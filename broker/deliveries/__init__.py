"""What came of awards: reported against the success measure, confirmed or disputed by another.

An award has ended when its last day is past (awards.py). Its team's lead reports what was delivered
(reports.py), somebody from elsewhere confirms or disputes it (verdicts.py), and what is confirmed
moves the team's calibration from the next close on (records.py). Start at reports.py; the screens
read dashboards/deliveries.py.
"""
