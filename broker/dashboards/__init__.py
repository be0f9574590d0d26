"""Read models: one module per screen, one frozen dataclass per screen, queries only.

Nothing here changes a row, and no rule of the market is decided here: what an award is, what a
price is and who won was settled by the run that wrote it. Whatever comes from bids is read for
published rounds only, so that a sealed round shows nothing. Start with sources.py (what is read)
and listings.py (how a table is sorted, filtered and paged).
"""
