"""What Alembic runs around the steps: all of them in the caller's one transaction."""

from alembic import context

from codegate.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
    render_as_batch=True,
)
context.run_migrations()
