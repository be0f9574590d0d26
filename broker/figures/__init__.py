"""What decided rounds came to, in sums that are kept: a dashboard of years asks for no bid.

Computed by a worker once a round is published, never in a request. Start with keeping.py; the
arithmetic stands in allocation/figures.py.
"""
