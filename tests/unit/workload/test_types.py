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


class _Coordinates(FakeSession):
    """A column of float8: any two numbers may be added and compared with it, but the server does not choose."""

    def parse(self, text: str, types: Sequence[str | None], search_path: Sequence[str]) -> ParsedTypes | ParseError:
        inferred = ["pg_catalog.float8", types[1] or "", types[2] or ""]
        if "+" not in text:
            return ParsedTypes(parameter_types=(inferred[0], "pg_catalog.float8", inferred[2]))
        if all(inferred):
            return ParsedTypes(parameter_types=tuple(inferred))
        return ParseError(sqlstate="42725", message="operator is not unique: unknown + unknown", position=48)


def test_a_sum_is_of_the_type_it_is_compared_with() -> None:
    text = "select id from position where lat between $1 and $2 + $3"
    assert infer_types(_Coordinates(), text, parse_tree(text), ()).types == ("pg_catalog.float8",) * 3


class _Counts(FakeSession):
    """LIMIT and OFFSET take whole numbers, and coalesce of two parameters is text to the server."""

    def parse(self, text: str, types: Sequence[str | None], search_path: Sequence[str]) -> ParsedTypes | ParseError:
        for clause, places in (("LIMIT", (1, 2)), ("OFFSET", (3, 4))):
            if any(types[place] != "pg_catalog.int8" for place in places):
                message = f"argument of {clause} must be type bigint, not type text"
                return ParseError(sqlstate="42804", message=message, position=40)
        return ParsedTypes(parameter_types=("pg_catalog.uuid", *(str(one) for one in types[1:])))


def test_what_limits_rows_is_a_number() -> None:
    text = "select id from task where owner = $1 order by id limit coalesce($2, $3) offset coalesce($4, $5)"
    typed = infer_types(_Counts(), text, parse_tree(text), ())
    assert typed.types == ("pg_catalog.uuid", *("pg_catalog.int8",) * 4)
    assert typed.notes == ()
