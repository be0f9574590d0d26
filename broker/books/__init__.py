"""The books of a period: closed once for good, with one archive that holds all of it.

rates.py keeps what a credit is worth outside, verifications.py has the worker check everything,
closing.py closes, packs.py writes the archive, charges.py and focus.py its FOCUS rows, and
corrections.py takes back what a closed period got wrong, in the period of the day. How credits move
stands in ledger/. Nothing here knows a screen.
"""
