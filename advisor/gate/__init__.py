"""The gate: judges migrations by rule, and (through the twin) by running them and re-planning the workload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.gate.files import MigrationText, find_migrations
from advisor.gate.rulebook import MigrationRule, chosen_rules, load_migration_rules
from advisor.gate.state import State
from advisor.gate.static import Revise, judge_text, replay_schema
from advisor.model.migration import GateFile

if TYPE_CHECKING:
    from advisor.model.lookup import Catalog

__all__ = [
    "MigrationRule",
    "MigrationText",
    "chosen_rules",
    "find_migrations",
    "judge_migrations",
    "load_migration_rules",
    "rule_names",
]


def judge_migrations(
    migrations: Sequence[MigrationText],
    major: int,
    catalog: Catalog | None = None,
    *,
    schema: str | None = None,
    each: bool = False,
    in_transaction: bool = False,
    rules: Sequence[MigrationRule] | None = None,
    revisions: Sequence[Revise | None] = (),
) -> tuple[GateFile, ...]:
    """Return the static verdict of each file.

    With `schema` and `catalog` the schema says what there is and the catalog how large it is.
    The files are one sequence, each seeing what those before it made; with `each` every file is judged as if it
    alone were pending. `schema` is the text of a file that makes the database as it is before.
    `in_transaction`: the tool wraps each file in a transaction, unless the file says that it does not.
    `revisions`: for each file, what corrects its findings by measurement.
    """
    chosen = load_migration_rules() if rules is None else rules
    state = _start(major, catalog, schema)
    judged = []
    for number, migration in enumerate(migrations):
        if migration.error is not None:
            judged.append(GateFile(path=migration.path, error=migration.error))
            continue
        if each:
            state = _start(major, catalog, schema)
        revise = revisions[number] if revisions else None
        wrapped = migration.in_one_transaction(in_transaction)
        judged.append(judge_text(migration.path, migration.text, state, chosen, wrapped, revise, migration.parts))
    return tuple(judged)


def _start(major: int, catalog: Catalog | None, schema: str | None) -> State:
    if schema is None:
        return State(major, catalog)
    state = State(major)
    replay_schema(schema, state)
    if catalog is not None:
        state.take_sizes(catalog)
    return state


# What the gate finds without a folder of its own.
_BUILT_IN = frozenset(
    {
        "syntax_error", "lock_timeout_missing", "uncommitted_transaction", "opaque_dynamic_sql", "unused_ignore",
        "migration_fails", "plan_regression", "index_lost", "new_statement_scans_table",
    }
)  # fmt: skip


def rule_names() -> frozenset[str]:
    """Return every name a finding's `rule` can have."""
    return frozenset(rule.name for rule in load_migration_rules()) | _BUILT_IN
