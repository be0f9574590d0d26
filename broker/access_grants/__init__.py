"""Access grants: who may use which data, for what and until when, because an award says so.

Start with issuing.py (what a publication grants) and endings.py (how access ends).
"""
