"""Pools that the market defines itself: what they are, their calendars, and how both change.

Start with calendars.py (what a day offers) and changes.py (how a change comes into force).
"""
