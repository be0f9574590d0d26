"""People: who they are, how they prove it, what they are for, and where they are signed in.

What each role may do stands in broker/access.py. Personal data stays in these tables: the audit
log knows opaque ids only. Read people/actors.py next.
"""
