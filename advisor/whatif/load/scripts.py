"""From the workload's statements to pgbench scripts: one file per statement and set of values, weighted by calls."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.model.excerpt import excerpt
from advisor.model.workload import Statement
from advisor.workload.executable import functions_called, takes_locks, with_values
from advisor.workload.parse import NotParsed

# pgbench takes at most 128 scripts.
MOST_SCRIPTS = 128
_MOST_VALUES = 8
_WEIGHTS = 10_000
# pgbench puts its own variables where it finds these names, also inside a string.
_VARIABLES = re.compile(r":(scale|client_id|random_seed|default_seed)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What one client sends as one transaction."""

    statement: int  # place in the list of statements
    sql: str  # one statement with its values, without a semicolon
    share: float  # of the load's calls, 0..1
    writes: bool

    def text(self, *, read_only: bool) -> str:
        """Return the file's text. `read_only`: where no setting of the session says so (behind a pooler)."""
        # One message, so that the transaction around the statement costs no round trip.
        if self.writes:
            return f"BEGIN \\;\n{self.sql}\n\\; ROLLBACK;\n"
        return f"BEGIN READ ONLY \\;\n{self.sql}\n\\; COMMIT;\n" if read_only else f"{self.sql}\n;\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The scripts, and the statements that take no part with the reason."""

    scripts: tuple[Script, ...]
    left_out: tuple[tuple[Statement, str], ...]


def choose(statements: Sequence[Statement], *, writes: bool, volatile: Collection[str]) -> Selection:
    """Return scripts for the most frequent statements.

    Without `writes` only statements that change and lock nothing take part; functions named in `volatile` may do
    anything, and leave their statement out either way.
    """
    left_out: list[tuple[Statement, str]] = []
    chosen: list[tuple[int, Statement, bool]] = []
    for number, statement in enumerate(statements):
        try:
            changes = statement.kind != "select" or takes_locks(statement.text)
            wild = sorted(functions_called(statement.text) & set(volatile))
        except NotParsed as error:
            left_out.append((statement, str(error)))
            continue
        if changes and not writes:
            left_out.append((statement, "it changes or locks rows"))
        elif wild:
            left_out.append((statement, f"nobody knows what the volatile function {wild[0]}() does"))
        elif _VARIABLES.search(statement.text):
            left_out.append((statement, "pgbench would read a variable into its text"))
        else:
            chosen.append((number, statement, changes))
    chosen.sort(key=lambda item: (-item[1].calls, item[0]))
    left_out += [(s, "too rare: pgbench takes at most 128 scripts") for _, s, _ in chosen[MOST_SCRIPTS:]]
    chosen = chosen[:MOST_SCRIPTS]
    total = sum(statement.calls for _, statement, _ in chosen) or 1.0
    each = max(1, min(_MOST_VALUES, MOST_SCRIPTS // max(1, len(chosen))))
    scripts: list[Script] = []
    for number, statement, changes in chosen:
        bindings = sorted(statement.bindings, key=lambda b: -b.weight)[:each]
        weights = sum(b.weight for b in bindings) or 1.0
        scripts += [
            Script(
                statement=number,
                sql=with_values(statement.text, statement.parameter_types, binding.values),
                share=statement.calls / total * binding.weight / weights,
                writes=changes,
            )
            for binding in bindings
        ]
    return Selection(scripts=tuple(s for s in scripts if not _VARIABLES.search(s.sql)), left_out=tuple(left_out))


def write_scripts(scripts: Sequence[Script], folder: Path, *, read_only: bool) -> list[str]:
    """Write the files into `folder` and return pgbench's arguments for them, in order."""
    arguments = []
    for number, script in enumerate(scripts):
        path = folder / f"{number}.sql"
        path.write_text(script.text(read_only=read_only), encoding="utf-8", errors="surrogateescape")
        arguments += ["-f", f"{path}@{max(1, round(script.share * _WEIGHTS))}"]
    return arguments


def shown(statement: Statement) -> str:
    """Return the statement as people read it in a list."""
    return excerpt(statement.original)
