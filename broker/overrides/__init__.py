"""Overrides: what people correct after a run, with a reason, a second person and a published price.

Start with proposals.py, then working.py (solved outside of any request) and approvals.py.
"""
