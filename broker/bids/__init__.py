"""Bids: from a team's draft to what the close of a round freezes.

drafts.py says what a form fills, findings.py what is wrong with it, writing.py what a team does
with it, reading.py and lists.py what a team sees of its own, estimates.py what it may expect;
submissions.py and openings.py are the proof that none was ignored.
Sealed until the close: every reader and writer here takes an actor, nothing enters the main audit
log, and nothing here depends on the bids of another team.
"""
