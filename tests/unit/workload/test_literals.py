"""Constants found by laying one text over another, and texts that become one."""

from __future__ import annotations

import pytest

from advisor.workload.literals import align, generalise, is_prefix_of, shape_of_text


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("select * from t where a = $1", "SELECT * FROM t WHERE a = 5", {1: "5"}),
        ("select * from t where a = $1", "select * from t where a = -5", {1: "-5"}),
        ("select * from t where a = $1", "select *\nfrom t /* c */ where a='it''s';", {1: "it's"}),
        ("select * from t where a = $1", r"select * from t where a = E'x\ny'", {1: "x\ny"}),
        ("select * from t where a = $1", "select * from t where a = $$d$$", {1: "d"}),
        ("select * from t where a = $1", "select * from t where a = true", {1: "t"}),
        ("select * from t where a = $1", "select * from t where a = NULL", {1: None}),
        ("select * from t where a = interval $1", "select * from t where a = interval '7 days'", {1: "7 days"}),
        ("select * from t where a in ($1, $2)", "select * from t where a in ('x', 'ü')", {1: "x", 2: "ü"}),
        ("select * from t where a in ($1 /*, ... */)", "select * from t where a in (1, 2)", {1: '{"1","2"}'}),
        ("select * from t where a = $1", "select * from t where b = 5", None),
        ("select * from t where a = $1", "select * from t where a = b", None),
        ("select * from t where a = $1", "select * from t where a = 5 and b = 6", None),
        ('select * from "T" where a = $1', 'select * from "t" where a = 5', None),
        ("select * from t where a = $1", "select * from t where a = 'cut", None),
        ("select * from t where a in ($1, $2)", "select * from t where a in (1, 2, 3)", None),
    ],
)
def test_align(pattern: str, text: str, expected: dict[int, str | None] | None) -> None:
    assert align(pattern, text) == expected


def test_constants_that_vary_become_parameters() -> None:
    texts = [f"select 'ß' from t where status = 'open' and id = {number} limit 10" for number in (1, 2, 2)]
    found = generalise(texts)
    assert found.text == "select 'ß' from t where status = 'open' and id = $1 limit 10"
    assert found.literals == ({1: "1"}, {1: "2"}, {1: "2"})


def test_values_that_were_logged_beside_a_text() -> None:
    pattern = "select 1 from t where a = $1 and b = $2 and c = $3"
    text = "select 1 from t where a = $2 and b = $1 and c = 7"
    assert align(pattern, text, {1: "x", 2: None}) == {1: None, 2: "x", 3: "7"}
    assert align(pattern, text, {1: "x"}) == {2: "x", 3: "7"}  # a value that was cut is not known
    assert align("select 1 from t where a in ($1 /*, ... */)", "select 1 from t where a in ($1, 2)", {1: "x"}) == {
        1: '{"x","2"}'
    }


def test_texts_with_parameters_and_texts_with_constants_are_one() -> None:
    texts = ["select 1 from t where a = $1 and b = $2", "select 1 from t where a = 5 and b = $1"]
    found = generalise(texts, [{1: "4", 2: "x"}, {1: "y"}])
    assert found.text == "select 1 from t where a = $3 and b = $4"
    assert found.literals == ({3: "4", 4: "x"}, {3: "5", 4: "y"})
    same = generalise(texts[:1] * 2, [{1: "4"}, {1: "5", 2: "x"}])
    assert (same.text, same.literals) == (texts[0], ({1: "4"}, {1: "5", 2: "x"}))


def test_one_text_keeps_its_constants() -> None:
    assert generalise(["select 1 from t where a = 5"]).text == "select 1 from t where a = 5"


def test_parameters_of_the_text_keep_their_numbers() -> None:
    found = generalise(["select 1 from t where a = $3 and b = 5", "select 1 from t where a = $3 and b = 6"])
    assert found.text == "select 1 from t where a = $3 and b = $4"


def test_shapes() -> None:
    one, short = shape_of_text("SELECT a FROM t WHERE b IN (1, 2, 3) AND c = 'x' -- why")
    other, same = shape_of_text("select a  from t where b in ($1) and c = $2")
    assert one != other
    assert short == same


def test_prefix_of_a_truncated_text() -> None:
    pattern = "select a, b from orders where status = $1 and note = $2 and total > $3"
    assert is_prefix_of("SELECT a, b FROM orders WHERE status = 'paid' AND no", pattern)
    assert is_prefix_of("SELECT a, b FROM orders WHERE status = 'paid' AND note = 'half a str", pattern)
    assert not is_prefix_of("SELECT a, c FROM orders WHERE status = 'paid' AND no", pattern)
    assert not is_prefix_of("SELECT a", pattern)
