"""Larkfield Health: a fictional health insurer, so that the market can be seen at work.

Pure and seeded: the same seed and day give the same rounds, and nothing here reads a clock, an
environment or a database. Start at rounds.py; broker/demo.py plays its rounds through the services.
"""

from broker.company.rounds import COMPANY, NOTICE, CompanyRound, Standing, five_rounds

__all__ = ["COMPANY", "NOTICE", "CompanyRound", "Standing", "five_rounds"]
