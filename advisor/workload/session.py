"""The port through which workload reading asks a server to parse; implemented in advisor.whatif."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseError:
    """The server refused a text: SQLSTATE, primary message, character offset (0-based) or None."""

    sqlstate: str
    message: str
    position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedTypes:
    """The types the server gave the parameters $1…$n, as 'schema.typname'."""

    parameter_types: tuple[str, ...]


class ParseSession(Protocol):
    """A session on a server that has the schema (twin, or the server itself): parses and plans, never executes."""

    major: int

    def parse(self, text: str, types: Sequence[str | None], search_path: Sequence[str]) -> ParsedTypes | ParseError:
        """Parse through the extended protocol with the given types ('schema.typname' or None: let the server infer)."""
        ...

    def explain(
        self, text: str, types: Sequence[str], values: Sequence[str | None], search_path: Sequence[str]
    ) -> dict[str, Any] | ParseError:
        """Return the "Plan" object of EXPLAIN (FORMAT JSON) with bound values: a custom plan on every major."""
        ...

    def explain_each(
        self, text: str, types: Sequence[str], values: Sequence[Sequence[str | None]], search_path: tuple[str, ...]
    ) -> list[dict[str, Any] | ParseError]:
        """Return what `explain` does for each set of values, asked together."""
        ...

    def explain_generic(
        self, text: str, types: Sequence[str], search_path: Sequence[str]
    ) -> dict[str, Any] | ParseError:
        """Return the verbose generic plan (force_generic_plan, EXPLAIN EXECUTE with NULLs, pruning off)."""
        ...
