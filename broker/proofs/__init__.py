"""What lets anybody check the audit log: a Merkle tree over its events, and signed checkpoints.

trees.py is pure and needs the standard library only; leaves.py says what is hashed; checkpoints.py
says what is signed. docs/audit.md gives every format, so that anybody can write a verifier.
"""
