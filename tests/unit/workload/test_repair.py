"""Token repairs of texts the grammar or the server refuses; Unicode before the edit must not shift it."""

from __future__ import annotations

import pytest

from advisor.workload.parse import parse_tree
from advisor.workload.repair import Repaired, repair


def repaired(text: str, major: int = 15) -> Repaired:
    return repair(text, parse_tree(text), major)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 'ü€' from t where a > now() - interval $1", "CAST($1 AS interval)"),
        ("select 'ü€' from t where a > now() - interval $1 day", "CAST($1 AS interval day)"),
        ("select interval $1 day to second(3) from t", "CAST($1 AS interval day to second(3))"),
        ("select interval(0) $1 from t", "CAST($1 AS interval(0))"),
        ("select date $1 from t", "CAST($1 AS date)"),
        ("select timestamp(3) without time zone $1 from t", "CAST($1 AS timestamp(3) without time zone)"),
        ("select user_role $1 from t", "CAST($1 AS user_role)"),
        ("select double precision $1 from t", "CAST($1 AS double precision)"),
        ("select 'größe', extract($1 from a) from t", """'größe', pg_catalog."extract"($1 , a)"""),
        ("select a from t where b in ($1 /*, ... */)", "b = ANY ($1)"),
        ("select a from t where b not in ($1 /*, ... */) and c = $2", "b <> ALL ($1) and c = $2"),
        ("select a from t where b = any (array[$1 /*, ... */])", "b = any ($1)"),
        ("select a from t where b @> array[$1 /*, ... */]::text[]", "b @> $1::text[]"),
        ("update t set (a, b) = (interval $1 day, $2) where c = $3", "(CAST($1 AS interval day), $2)"),
    ],
)
def test_repair(text: str, expected: str) -> None:
    found = repaired(text)
    assert expected in found.text
    assert found.notes
    assert parse_tree(found.text) == found.tree


def test_extract_is_date_part_before_14() -> None:
    assert "pg_catalog.date_part($1 , a)" in repaired("select extract($1 from a) from t", 13).text


def test_constants_come_back_from_group_by() -> None:
    found = repaired("select date_trunc($1, a), count(*) from t where b = $2 group by date_trunc('week', a)")
    assert found.text.startswith("select date_trunc('week', a)")
    assert found.numbers == {2: 1}
    assert "b = $1" in found.text


def test_constants_stay_apart_for_different_columns() -> None:
    found = repaired("select date_trunc($1, a), date_trunc('week', b) from t group by date_trunc('week', b), a")
    assert "date_trunc($1, a)" in found.text


@pytest.mark.parametrize("constant", ["'it''s'", "1.5", "-3", "true", "NULL"])
def test_every_kind_of_constant_comes_back(constant: str) -> None:
    found = repaired(f"select f(a, $1) from t group by f(a, {constant})")
    assert f"select f(a, {constant}) from" in found.text or constant == "-3"


def test_long_lists_become_one_array() -> None:
    numbers = ", ".join(f"${n}" for n in range(1, 200))
    found = repaired(f"select a from t where b in ({numbers}) and c = $200")
    assert found.text == "select a from t where b = ANY ($1) and c = $2"
    assert found.lists == {1}
    assert found.numbers == {1: 1, 200: 2}


def test_short_lists_stay() -> None:
    text = "select a from t where b in ($1, $2, $3)"
    assert repaired(text).text == text


def test_holes_are_closed() -> None:
    found = repaired("select $2 from only t x where a operator(pg_catalog.=) $5")
    assert found.text == "select $1 from only t x where a operator(pg_catalog.=) $2"
    assert found.numbers == {2: 1, 5: 2}


def test_units_of_interval_constants() -> None:
    assert repaired("select now() - interval $1 day, interval $2 from t").units == {1: "day"}


def test_untouched_text_is_untouched() -> None:
    text = 'select "ä" from t where a::date = $1 and b like $2 -- interval $9 day'
    found = repaired(text)
    assert (found.text, found.notes) == (text, ())
