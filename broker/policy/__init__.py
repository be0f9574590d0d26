"""Strategy as weights, not as meetings: what multiplies an offer, and which rules bar a bid.

A policy is a document (documents.py) that is read strictly (reading.py), adopted in versions
(versions.py) and frozen for a round at its close (freezing.py). What it means for one bid is pure:
scores.py and rules.py. Start at documents.py.
"""
