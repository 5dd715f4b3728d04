"""Constants that pg_stat_statements hid inside expressions are put back only where one alone fits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from advisor.model.arrays import format_array
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.server import Setting
from advisor.workload.hidden import Clues, Configuration, Revealed, likely_configuration, reveal
from advisor.workload.literals import Literals
from advisor.workload.parse import parse_tree
from tests.search.fake import columns, snapshot, statistics, table

_PRODUCT = RelationName("public", "product")
_DEFAULT = Setting(
    name="default_text_search_config", setting="pg_catalog.simple", unit=None, category="", context="user",
    vartype="string", source="default",
)  # fmt: skip
_BY_SKU = "select * from product where 'größe' <> name and attrs ->> $1 = $2"


def documents(*, colours: int = 3) -> list[dict[str, Any]]:
    return [{"sku": f"S{n}", "colour": f"c{n % colours}", "grade": n % 20} for n in range(100)]


def revealed(
    text: str,
    *,
    rows: float | None = 1.0,
    config: str | None = "german",
    stored: list[dict[str, Any]] | None = None,
    literals: tuple[Literals, ...] = (),
) -> Revealed:
    bounds = format_array(tuple(json.dumps(one) for one in (documents() if stored is None else stored)))
    shot = snapshot(
        [table("product", rows=100_000)],
        columns("product", id="int8", name="text", attrs="jsonb", body="text"),
        (),
        [statistics("product", "attrs", -1.0, histogram_bounds=bounds)],
    )
    clues = Clues(
        catalog=Catalog(shot),
        relations=[_PRODUCT],
        text_search=None if config is None else Configuration(config, "the database's default"),
        rows_per_call=rows,
        literals=literals,
    )
    return reveal(text, parse_tree(text), clues)


def test_the_key_that_explains_the_rows_per_call() -> None:
    found = revealed(_BY_SKU)
    assert found.text == "select * from product where 'größe' <> name and attrs ->> 'sku' = $2"
    assert found.tree == parse_tree(found.text)
    assert "'sku'" in found.assumed[0]
    assert "'colour'" in revealed(_BY_SKU, rows=30_000).assumed[0]
    assert "'grade'" in revealed(_BY_SKU, rows=5_200).assumed[0]


def test_no_key_where_several_could_be_or_none_fits() -> None:
    for rows in (None, 300.0, 12_000.0):
        assert revealed(_BY_SKU, rows=rows).text == _BY_SKU
    two_alike = [{"sku": f"S{n}", "ean": f"E{n}"} for n in range(100)]
    assert revealed(_BY_SKU, stored=two_alike).text == _BY_SKU
    assert revealed(_BY_SKU, stored=[]).text == _BY_SKU
    both = "select 1 from product where attrs ->> $1 = $2 and attrs ->> $3 = $4"
    assert revealed(both).text == both


def test_a_document_within_the_document_is_not_what_is_compared() -> None:
    stored = [{"charge": f"C{n}", "card": {"last4": n}, "lines": [n], "risk": n % 5} for n in range(100)]
    assert "'charge'" in revealed(_BY_SKU, stored=stored).assumed[0]


def test_the_only_key_needs_no_counters() -> None:
    assert "attrs ->> 'sku'" in revealed(_BY_SKU, rows=None, stored=[{"sku": n} for n in range(50)]).text


def test_a_sample_does_not_hold_every_value_of_a_key() -> None:
    stored = [{"template": f"T{n * 617 % 700 if n > 14 else n // 2}", "pages": n % 9} for n in range(100)]
    assert "'template'" in revealed(_BY_SKU, rows=150.0, stored=stored).assumed[0]  # 93 seen of about 700
    assert revealed(_BY_SKU, rows=1_400.0, stored=stored).assumed == ()


def test_recorded_executions_are_no_conclusion() -> None:
    found = revealed(_BY_SKU, literals=({1: "colour", 2: "c1"}, {1: "colour", 2: "c2"}))
    assert "attrs ->> 'colour' = $2" in found.text
    assert found.assumed == ()
    changing = ({1: "colour", 2: "c1"}, {1: "grade", 2: "3"})
    assert "'sku'" in revealed(_BY_SKU, literals=changing, rows=1.0).text


def test_text_search_takes_the_databases_configuration() -> None:
    text = "select * from product where to_tsvector($1, body) @@ plainto_tsquery($2, $3)"
    found = revealed(text)
    assert "to_tsvector('german', body) @@ plainto_tsquery('german', $3)" in found.text
    assert len(found.assumed) == 1 and "german" in found.assumed[0]
    assert revealed(text, config=None).text == text
    assert "to_tsvector('simple', body)" in revealed(text, literals=({1: "simple", 2: "simple", 3: "x"},)).text


@pytest.mark.parametrize(
    ("expressions", "name"),
    [
        ((), "simple"),
        (("to_tsvector('german'::regconfig, body)",), "german"),
        (("to_tsvector('pg_catalog.german', body)", "to_tsvector('german'::regconfig, coalesce(title, ''))"), "german"),
        (("to_tsvector('german'::regconfig, body)", "to_tsvector('english'::regconfig, title)"), "simple"),
        (("to_tsvector(body)",), "simple"),
    ],
)
def test_the_schema_tells_the_configuration_where_it_names_one(expressions: tuple[str, ...], name: str) -> None:
    shot = snapshot([table("product")], columns("product", id="int8", **{f"s{n}": "text" for n in range(4)}), (), ())
    generated = [
        replace(column, default=text, generated="s") for column, text in zip(shot.columns, expressions, strict=False)
    ]
    shot = replace(shot, columns=tuple(generated), settings=(_DEFAULT,))
    found = likely_configuration(shot)
    assert found is not None and found.name == name


def test_a_key_in_the_select_list_stays_hidden() -> None:
    text = "select attrs ->> $1 from product where id = $2"
    assert revealed(text) == Revealed(text, parse_tree(text))
