"""Quoting is PostgreSQL's own: compared with a live server where there is one."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.model.arrays import format_array, parse_array
from advisor.model.names import RelationName, quote_ident, quote_literal

HOSTILE = ["a", "Order", 'we"ird; drop table x', "ünïcode", "with space", "a.b", "new\nline"]
HOSTILE += ["user", "select", "1a", "$x", ""]
text_values = st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"))


def test_display_leaves_out_public() -> None:
    assert RelationName("public", "Order").display() == '"Order"'
    assert RelationName("sales", "order").display() == 'sales."order"'


@given(text_values, text_values)
def test_arrays_survive(first: str, second: str) -> None:
    assert parse_array(format_array([first, None, second])) == (first, None, second)


def test_arrays_of_arrays_stay_texts() -> None:
    assert parse_array('{{1,2},{"a}b",NULL}}') == ("{1,2}", '{"a}b",NULL}')
    assert parse_array("{}") == ()
    assert parse_array(None) == ()


@pytest.mark.server
def test_identifiers_and_literals_as_the_server_quotes_them(database: str) -> None:
    with psycopg.connect(database) as connection:
        words = connection.execute("select word from pg_get_keywords()").fetchall()
        names = [word for (word,) in words] + HOSTILE
        for name in names:
            (quoted,) = connection.execute("select quote_ident(%s)", (name,)).fetchone() or ("",)
            # Ours may quote more than an older server would: newer majors have more keywords.
            assert quote_ident(name) in (quoted, '"' + name.replace('"', '""') + '"')
            if quoted.startswith('"'):
                assert quote_ident(name) == quoted
        for name in [*HOSTILE, "it's", "back\\slash", "both'\\"]:
            (same,) = connection.execute(f"select {quote_literal(name)} = %s".encode(), (name,)).fetchone() or (False,)
            assert same, name
