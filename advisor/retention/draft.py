"""Drafts a commented policy file from a database, for its owner to correct."""

from __future__ import annotations

from advisor.model.lookup import Catalog
from advisor.model.snapshot import Snapshot
from advisor.retention.detect import looks_like_log, personal_columns
from advisor.retention.expired import total_bytes
from advisor.retention.policy import written
from advisor.retention.targets import Target, find_targets, is_old_style_partition, judged_tables
from advisor.retention.timecolumn import choose_time_column
from advisor.units import format_size

_HEAD = """\
# Retention policy, drafted by pgadvise from the database {database}.
# Every window is a suggestion: correct it, then run: pgadvise retention --policy FILE
# A window needs its unit: "90 days", "6 months", "30d"; "permanent" keeps rows for ever.
version = 1

[defaults]
# How much older than its window a row may be before it counts as a breach.
tolerance = "7 days"
"""
# Below this a table without a window is not worth a line in a draft.
_WORTH_A_LINE = 64 << 20
_MOST_SUGGESTIONS = 40


def draft_policy(snapshot: Snapshot, catalog: Catalog) -> str:
    """Return a policy file in TOML that loads as it is: recognised tables active, others as comments."""
    targets = find_targets(catalog, None)
    parts = [_HEAD.replace("{database}", _one_line(snapshot.server.database))]
    parts += [_entry(target, catalog) for target in targets.found]
    known = {target.relation for target in targets.found}
    suggestions = []
    for table in sorted(judged_tables(snapshot), key=lambda t: (-total_bytes(t.relation, catalog), str(t.relation))):
        if table.relation in known or is_old_style_partition(table, catalog):
            continue
        personal = personal_columns(table, catalog)
        size = total_bytes(table.relation, catalog)
        if not (size >= _WORTH_A_LINE or personal or looks_like_log(table)):
            continue
        choice = choose_time_column(table, catalog)
        column = choice.candidate.column.name if choice.candidate is not None else None
        why = ", ".join(
            filter(
                None,
                [
                    format_size(size),
                    f"columns {', '.join(personal)}" if personal else "",
                    "a log by its name" if looks_like_log(table) else "",
                ],
            )
        )
        lines = [
            f"# {_one_line(str(table.relation))}: {_one_line(why)}",
            "# [[tables]]",
            f"# table = {_quoted(written(table.relation))}",
        ]
        if column is not None:
            lines.append(f"# time_column = {_quoted(column)}")
        lines.append('# keep = "1 year"')
        suggestions.append("\n".join(lines) + "\n")
    if suggestions:
        parts.append("# Tables without a suggestion: how long should their rows stay?\n")
        parts += suggestions[:_MOST_SUGGESTIONS]
        if len(suggestions) > _MOST_SUGGESTIONS:
            parts.append(f"# … and {len(suggestions) - _MOST_SUGGESTIONS} more.\n")
    return "\n".join(parts)


def _entry(target: Target, catalog: Catalog) -> str:
    size = format_size(total_bytes(target.relation, catalog))
    candidate = target.choice.candidate
    lines = [
        f"# Taken for a {target.kind} table by its name and {_one_line(target.recognised_by or '')}; {size}.",
        "[[tables]]",
        f"table = {_quoted(written(target.relation))}",
        f'keep = "{target.keep}"',
        'class = "personal"',
    ]
    if candidate is not None:
        lines.append(f"time_column = {_quoted(candidate.column.name)}  # {_one_line(', '.join(candidate.reasons))}")
        if candidate.basis == "expiry":
            lines.append('basis = "expiry"  # the window counts from the moment the row expires')
        if candidate.unit is not None:
            lines.append(f'epoch = "{candidate.unit}"')
    else:
        lines.append(f"# time_column = …  # {_one_line(target.choice.problem or '')}")
    if target.choice.rivals:
        others = ", ".join(r.column.name for r in target.choice.rivals)
        lines.append(f"# Other candidates for the time: {_one_line(others)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return `text` as a TOML basic string."""
    escaped = "".join(
        {'"': '\\"', "\\": "\\\\"}.get(char) or (char if char.isprintable() else f"\\U{ord(char):08x}") for char in text
    )
    return f'"{escaped}"'


def _one_line(text: str) -> str:
    """Return `text` fit for a comment: nothing in a name may end it."""
    return "".join(char if char.isprintable() else "?" for char in text)
