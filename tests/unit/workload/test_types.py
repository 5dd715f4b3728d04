"""Types of parameters that the server does not infer."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.workload.parse import parse_tree
from advisor.workload.session import ParsedTypes, ParseError
from advisor.workload.types import infer_types
from tests.unit.workload.fakes import FakeSession


class _Ranges(FakeSession):
    """Accepts daterange(date, date + int4) alone, as PostgreSQL does."""

    def parse(self, text: str, types: Sequence[str | None], search_path: Sequence[str]) -> ParsedTypes | ParseError:
        if list(types) == ["pg_catalog.date", "pg_catalog.int4"]:
            return ParsedTypes(parameter_types=("pg_catalog.date", "pg_catalog.int4"))
        return ParseError(sqlstate="42725", message="operator is not unique: unknown + unknown", position=61)


def test_two_parameters_of_a_sum_have_types_of_their_own() -> None:
    text = "select id from absence where during && daterange($1, $1 + $2)"
    typed = infer_types(_Ranges(), text, parse_tree(text), ())
    assert typed.types == ("pg_catalog.date", "pg_catalog.int4")
