"""What would have won, computed after the publication and kept for the receipts.

First an estimate from the list prices for every declined bid, then the verified answers, in child
processes and within a budget. Start at answers.py (what is kept), then working.py (who computes
it, and for how long). Nothing here changes an outcome.
"""
