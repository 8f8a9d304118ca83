"""Alembic's scripts; `gateway.migrate` runs them."""
