"""Classification: what is planned, what is cut out of a wrapper, what is only counted."""

from __future__ import annotations

import pytest

from advisor.workload.classify import Unusable, has_limit, relations_named, understand
from advisor.workload.parse import LONGEST_TEXT, parse_tree


@pytest.mark.parametrize(
    ("text", "inner", "wrapper"),
    [
        ("select * from a for update", "select * from a for update", None),
        ("declare c no scroll cursor with hold for select 1 for update", "select 1 for update", "DECLARE"),
        ("explain (analyze, costs off) select 'ä'", "select 'ä'", "EXPLAIN"),
        ("explain analyze verbose (select 1)", "(select 1)", "EXPLAIN"),
        ("explain create table x as select 5", "select 5", "EXPLAIN"),
        (
            "create temp table x (a, b) with (fillfactor=10) on commit drop as select 1 as a, 2 with no data",
            "select 1 as a, 2",
            "CREATE TABLE AS",
        ),
        ("copy (select * from t where (a = 1)) to stdout with csv", "select * from t where (a = 1)", "COPY"),
        ("prepare p(int, text) as select $1", "select $1", "PREPARE"),
        ("select a /* ö */ into temp table foo.bar from t", "select a /* ö */  from t", "SELECT INTO"),
        ("select 1;", "select 1", None),
    ],
)
def test_inner_statement(text: str, inner: str, wrapper: str | None) -> None:
    found = understand(text)
    assert (found.text.strip(), found.wrapper) == (inner, wrapper)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("BEGIN", "transaction"),
        ("prepare transaction 'x'", "transaction"),
        ("savepoint a", "transaction"),
        ("SET work_mem TO $1", "utility"),
        ("DEALLOCATE $1", "utility"),
        ("create table x (a int)", "utility"),
        ("vacuum analyze t", "utility"),
        ("call p($1)", "utility"),
        ("\\d orders", "utility"),
        ("", "utility"),
        ("-- nothing", "utility"),
        ("copy t from stdin", "bulk_load"),
        ("copy public.t (a) to stdout", "utility"),
        ("selct 1", "unparsable"),
        ("select 1 from", "unparsable"),
        ("select 'abc", "unparsable"),
        ("select '\x00'", "unparsable"),
        ("select 1; select 2", "unparsable"),
        ("<insufficient privilege>", "hidden"),
        (None, "hidden"),
        ("select /* pgadvise */ 1 from orders", "own"),
        ("insert into t values ('" + "x" * LONGEST_TEXT + "')", "bulk_load"),
        ("select '" + "x" * LONGEST_TEXT + "' from t", "unplannable"),
    ],
)
def test_not_planned(text: str | None, category: str) -> None:
    with pytest.raises(Unusable) as caught:
        understand(text)
    assert caught.value.category == category
    assert caught.value.reason


def test_truncated_text_is_called_so() -> None:
    with pytest.raises(Unusable, match="truncated"):
        understand("select a, b from t where a = 1 and")


@pytest.mark.parametrize(
    "text", ["explain select 1 from t", "copy (select 1 from t) to stdout", "declare c cursor for select 1 from t"]
)
def test_nested_wrapper_is_counted_already(text: str) -> None:
    with pytest.raises(Unusable, match="counted already"):
        understand(text, toplevel=False)


def test_nested_entry_with_the_whole_string() -> None:
    assert understand("set x = 1; select 'ß', a from t; commit", toplevel=False).text.strip() == "select 'ß', a from t"


def test_normalize_is_quoted() -> None:
    found = understand("select 'ü', normalize(a, $1) from t")
    assert '"normalize"(a, $1)' in found.text
    assert found.notes


def test_relations_without_ctes() -> None:
    tree = parse_tree("with x as (select * from a) select * from x join s.b on true where exists (select 1 from c)")
    assert set(relations_named(tree)) == {(None, "a"), ("s", "b"), (None, "c")}


def test_limit_of_the_outer_query_only() -> None:
    assert has_limit(parse_tree("select 1 from t fetch first 5 rows only"))
    assert not has_limit(parse_tree("select * from (select 1 from t limit 5) x"))
