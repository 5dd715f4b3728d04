"""The first tables.

A migration says what it makes itself: the definitions in schema.py go on changing, what was made does not.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    schema = context.config.attributes["schema"]
    prefix = f"{schema}." if schema else ""
    op.create_table(
        "target",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text),
        sa.Column("database", sa.Text, nullable=False),
        sa.Column("system_identifier", sa.Text),
        sa.Column("address", sa.Text),
        schema=schema,
    )
    op.create_table(
        "run",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("target_id", _KEY, sa.ForeignKey(f"{prefix}target.id"), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("tool_version", sa.Text, nullable=False),
        sa.Column("version_num", sa.Integer, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("measures", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        schema=schema,
    )
    op.create_index("run_target_at", "run", ["target_id", "at"], schema=schema)
    op.create_table(
        "finding",
        sa.Column("run_id", _KEY, sa.ForeignKey(f"{prefix}run.id"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("confidence", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("judged", sa.Boolean, nullable=False),
        schema=schema,
    )
    op.create_table(
        "content",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("last_used", _MOMENT, nullable=False),
        schema=schema,
    )
    op.create_table(
        "index_use",
        sa.Column("target_id", _KEY, sa.ForeignKey(f"{prefix}target.id"), primary_key=True),
        sa.Column("index", sa.Text, primary_key=True),
        sa.Column("definition", sa.Text, primary_key=True),
        sa.Column("first_seen", _MOMENT, nullable=False),
        sa.Column("observed_since", _MOMENT, nullable=False),
        sa.Column("last_used", _MOMENT),
        sa.Column("holes", sa.Integer, nullable=False),
        schema=schema,
    )
    op.create_table(
        "ledger",
        sa.Column("target_id", _KEY, sa.ForeignKey(f"{prefix}target.id"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        schema=schema,
    )
