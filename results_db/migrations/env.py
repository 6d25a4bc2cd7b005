"""Run by alembic. `results_db.database` hands over a connection with an open transaction."""

from alembic import context

# render_as_batch: SQLite alters a table by copying it.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_as_batch=True,
)
context.run_migrations()
