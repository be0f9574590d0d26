"""The ledger: internal money in double entry, append-only, guarded by the database itself.

Start at journals.py (how credits move at all), then endowments.py (where they come from), holds.py
(what a round does with them) and invariants.py (what must always be true). Every function works
inside the caller's transaction. Nothing here knows a solver or a screen.
"""
