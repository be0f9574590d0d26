"""Every table of the market: importing this makes the metadata of tables.py complete."""

from __future__ import annotations

import broker.access_grants.tables
import broker.approvals.tables
import broker.bids.tables
import broker.books.tables
import broker.counterfactuals.tables
import broker.deliveries.tables
import broker.experts.tables
import broker.figures.tables
import broker.holdings.tables
import broker.ledger.tables
import broker.notices.tables
import broker.overrides.tables
import broker.people.tables
import broker.policy.tables
import broker.pools.tables
import broker.proofs.tables
import broker.round_tables
import broker.spot.tables
import broker.sprints.tables
import broker.upkeep.tables
import broker.webhooks.tables  # noqa: F401  # their tables are what this is for
from broker.tables import Table

TABLES = tuple(Table.metadata.sorted_tables)
"""In an order in which every row finds the rows that it refers to."""
