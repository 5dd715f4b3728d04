"""Names that PostgreSQL cuts to 63 bytes: the parser has cut them already, so they are read from the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pglast

from advisor.model.migration import Action

LONGEST = 63  # bytes
_MANY_ASCII = re.compile(r'"[^"]{64}|[\w$]{64}')
_MANY = re.compile(r'"[^"]{16}|[\w$]{16}')  # a character has up to four bytes

Space = str  # names within one collide


def cut_names(statement: str, actions: Sequence[Action]) -> tuple[Action, ...]:
    """Return an action `cut_name` for each name that a statement gives and PostgreSQL cuts.

    `name` is the name as written, `new_name` what is left of it, `type` where it must be unique.
    """
    if not (_MANY_ASCII if statement.isascii() else _MANY).search(statement):
        return ()
    written = {name: cut for name in _identifiers(statement) if (cut := _cut(name)) != name}
    if not written:
        return ()
    given = [(space, name) for action in actions for space, name in _given(action)]
    return tuple(
        Action(kind="cut_name", name=name, new_name=cut, type=space)
        for name, cut in written.items()
        for space in dict.fromkeys(space for space, made in given if made == cut)
    )


def _identifiers(statement: str) -> Iterator[str]:
    for token in pglast.scan(statement):
        if token.name == "IDENT":
            text = statement[token.start : token.end + 1]
            yield text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()


def _cut(name: str) -> str:
    return name.encode()[:LONGEST].decode(errors="ignore")


def _given(action: Action) -> Iterator[tuple[Space, str]]:
    """Yield the names that an action gives to something new, each with where it must be unique."""
    relation = action.relation
    relations = f"relation of {relation.schema}" if relation is not None else ""
    columns, constraints = f"column of {relation}", f"constraint of {relation}"
    if relation is not None and action.kind in ("create_table", "create_view", "create_matview"):
        yield relations, relation.name
    if action.kind == "create_index" and action.name is not None:
        yield relations, action.name
    for column in action.column_specs:
        yield columns, column.name
    if action.kind == "add_column" and action.name is not None:
        yield columns, action.name
    own = (action.constraint,) if action.kind == "add_constraint" and action.constraint is not None else ()
    for constraint in (*action.constraints, *own):
        if constraint.name is not None:
            indexed = constraint.type in ("primary", "unique", "exclusion")
            yield (relations if indexed else constraints), constraint.name
    spaces = {"rename_table": relations, "rename_index": relations, "rename_column": columns}
    if action.new_name is not None and action.kind in {*spaces, "rename_constraint"}:
        yield spaces.get(action.kind, constraints), action.new_name
