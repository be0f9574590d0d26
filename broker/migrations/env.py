"""What Alembic runs: the migrations, on the connection that broker.schema hands over."""

from alembic import context

import broker.every_table  # noqa: F401  # makes the metadata complete
from broker.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
