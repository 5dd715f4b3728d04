"""Puts names and constants into SQL templates, each quoted by what it is.

Identifiers cannot be bound as parameters, so a template names its holes and the type of the value decides the quoting:
a RelationName becomes a qualified name, `Ident` an identifier, `Literal` a constant, `Trusted` SQL of this package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from advisor.model.names import RelationName, quote_ident, quote_literal

_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Ident:
    """An identifier."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A text constant."""

    text: str


@dataclass(frozen=True, slots=True)
class Trusted:
    """SQL that was itself made with `fill`, or a condition from the owner's policy file."""

    text: str


Hole = RelationName | Ident | Literal | Trusted | int


def fill(template: str, **holes: Hole) -> str:
    """Return `template` with every {name} replaced.

    >>> fill("select {c} from {t}", c=Ident("Order"), t=RelationName("public", "x"))
    'select "Order" from public.x'
    """

    def replace(match: re.Match[str]) -> str:
        value = holes[match[1]]
        if isinstance(value, Ident):
            return quote_ident(value.name)
        if isinstance(value, Literal):
            return quote_literal(value.text)
        if isinstance(value, Trusted):
            return value.text
        return str(value)

    return _HOLE.sub(replace, template)
