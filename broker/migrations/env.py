"""What Alembic runs: the migrations, on the connection that broker.schema hands over."""

from alembic import context

import broker.access_grants.tables
import broker.approvals.tables
import broker.bids.tables
import broker.counterfactuals.tables
import broker.deliveries.tables
import broker.every_table  # makes the metadata complete
import broker.experts.tables
import broker.ledger.tables
import broker.notices.tables
import broker.people.tables
import broker.policy.tables
import broker.pools.tables
import broker.round_tables
import broker.sprints.tables  # noqa: F401  # their tables are among the described ones
from broker.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
