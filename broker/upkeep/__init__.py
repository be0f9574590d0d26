"""Keeping an installation well: ticks that are missed, backups, what to look after.

Nothing here decides anything about a market. Start with ticks.py; the commands stand in
broker/commands.
"""
