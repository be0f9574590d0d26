"""Webhooks: what happens in public, told to other programs, signed, at least once.

What is told is written with what causes it, in its transaction; it leaves later, from sending.py.
Signatures follow Standard Webhooks. Start with entering.py.
"""
