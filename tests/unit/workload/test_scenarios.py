"""Values drawn from statistics, and the scenarios made of them."""

from __future__ import annotations

import random

import pytest

from advisor.model.arrays import format_array
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.workload.parameters import Meeting
from advisor.workload.parse import parse_tree
from advisor.workload.scenarios import Scenario, draw_scenarios, likely_limit
from advisor.workload.slots import make_slots
from advisor.workload.values import ColumnValues, Values, from_number, to_number
from tests.unit.workload.fakes import NOW, ORDERS, column, snapshot, statistics, table

DAYS = "{" + ",".join(f'"2025-0{month}-01 00:00:00+00"' for month in range(1, 7)) + "}"
SNAPSHOT = snapshot(
    columns=(
        column("id", "int8"),
        column("status", "text"),
        column("created_at", "timestamptz"),
        column("tags", "_text"),
        column("data", "jsonb"),
        column("during", "tstzrange"),
        column("words", "tsvector"),
        column("name", "text"),
        column("unknown", "text"),
    ),
    statistics=(
        statistics("id", histogram_bounds="{1,100,200,300}"),
        statistics(
            "status", n_distinct=3.0, most_common_vals="{paid,open,failed}", most_common_freqs=(0.9, 0.09, 0.01)
        ),
        statistics("created_at", histogram_bounds=DAYS),
        statistics("tags", most_common_elems="{new,vip}", most_common_elem_freqs=(0.5, 0.1, 0.1, 0.5, 0.0)),
        statistics("words", most_common_elems="{knee,heart}", most_common_elem_freqs=(0.5, 0.1, 0.1, 0.5, 0.0)),
        statistics("data", most_common_vals='{"{\\"a\\": {\\"b\\": 1}}"}', most_common_freqs=(1.0,)),
        statistics("name", histogram_bounds='{"Alice, A","Bob \\"B\\"",Carol}'),
    ),
)
VALUES = Values(Catalog(SNAPSHOT))


def draw(
    text: str, types: list[str], *meetings: Meeting, kind: str = "select", count: int = 32, rows: float = 19.7
) -> list[Scenario]:
    full = [name if "." in name else f"pg_catalog.{name}" for name in types]
    slots = make_slots(full, meetings, frozenset(), parse_tree(text), VALUES)
    return draw_scenarios(slots, count, VALUES, kind=kind, rows_per_call=rows, seed="x")


def met(number: int, name: str, operator: str, **changes: object) -> Meeting:
    return Meeting(number, ORDERS, name, operator, **changes)  # type: ignore[arg-type]


def test_rare_and_frequent_values_both_occur() -> None:
    found = [scenario[0] for scenario in draw("select $1", ["text"], met(1, "status", "="))]
    assert set(found) == {"paid", "open", "failed"}
    assert found.count("failed") >= 3
    assert found.count("paid") >= 16


def test_a_queue_is_not_asked_for_its_finished_jobs() -> None:
    text = "select id from orders where status = $1 order by created_at limit 1 for update skip locked"
    found = {scenario[0] for scenario in draw(text, ["text"], met(1, "status", "="))}
    assert found == {"open", "failed"}
    waiting = {scenario[0] for scenario in draw(text.removesuffix(" skip locked"), ["text"], met(1, "status", "="))}
    assert waiting == {"paid", "open", "failed"}


def test_a_list_of_states_may_name_one_that_no_row_has() -> None:
    found = draw("select $1, $2", ["text", "text"], met(1, "status", "="), met(2, "status", "="))
    assert ("failed", "failed") in found  # as rare as nothing but the rarest is
    assert any(set(pair) == {"paid", "open"} for pair in found)
    ids = draw("select $1, $2", ["int8", "int8"], met(1, "id", "="), met(2, "id", "="))
    assert sum(first == second for first, second in ids) <= 3  # of two known among many there is mostly another one


def test_same_seed_same_scenarios() -> None:
    one = draw("select $1", ["int8"], met(1, "id", "="))
    assert one == draw("select $1", ["int8"], met(1, "id", "="))


def test_pair_of_bounds_is_in_order() -> None:
    found = draw("select $1, $2", ["timestamptz"] * 2, met(1, "created_at", "<"), met(2, "created_at", ">="))
    assert all(low is not None and high is not None and low <= high for high, low in found)
    assert len(set(found)) == 32


def test_since_is_recent_and_delete_takes_the_oldest() -> None:
    since = draw("select $1", ["timestamptz"], met(1, "created_at", ">"))
    assert min(str(value) for (value,) in since) > "2025-03-15"
    before = draw("delete from t", ["timestamptz"], met(1, "created_at", "<"), kind="delete")
    assert max(str(value) for (value,) in before) < "2025-02-05"


def test_interval_reaches_back_from_now() -> None:
    found = draw("select $1", ["interval"], met(1, "created_at", ">", through=("now", "-")))
    assert all(str(value).endswith(" seconds") for (value,) in found)
    assert max(int(str(value).split()[0]) for (value,) in found) < 80 * 86400


def test_interval_after_another_parameter_is_a_width() -> None:
    found = draw("select $1", ["interval"], met(1, "created_at", "<", through=("+",)))
    assert max(int(str(value).split()[0]) for (value,) in found) < 40 * 86400


def test_interval_built_of_a_number_and_a_unit() -> None:
    text = "select 1 from t where a > now() - ($1 || $2)::interval"
    meetings = [met(n, "created_at", ">", through=("now", "-", "||")) for n in (1, 2)]
    found = draw(text, ["text", "text"], *meetings)
    assert {unit for _, unit in found} == {" days"}
    assert all(str(number).isdigit() for number, _ in found)


def test_limit_offset_and_words() -> None:
    text = "select date_trunc($1, a) from t order by b limit $2 offset $3"
    assert draw(text, ["text", "int8", "int8"], count=1) == [("day", "20", "0")]


@pytest.mark.parametrize(
    ("rows", "limit"), [(None, 20), (0, 20), (0.97, 1), (1, 1), (2.5, 3), (19.7, 20), (50, 50), (77777, 77777)]
)
def test_likely_limit(rows: float | None, limit: int) -> None:
    assert likely_limit(rows) == limit


def test_lists_have_several_lengths() -> None:
    found = draw("select $1", ["_int8"], met(1, "id", "=", many=True))
    assert len({str(value).count(",") for (value,) in found}) >= 2


def test_arrays_documents_patterns() -> None:
    assert {value for (value,) in draw("select $1", ["_text"], met(1, "tags", "@>"))} == {'{"new"}', '{"vip"}'}
    assert {value for (value,) in draw("select $1", ["text"], met(1, "tags", "element"))} == {"new", "vip"}
    assert draw("select $1", ["jsonb"], met(1, "data", "@>"))[0] == ('{"a": {"b": 1}}',)
    assert all(str(value).endswith("%") for (value,) in draw("select $1", ["text"], met(1, "name", "~~")))
    assert all(str(value).startswith("%") for (value,) in draw("select $1", ["text"], met(1, "name", "~~*")))


def test_nobody_searches_for_what_every_document_has() -> None:
    documents = [f'{{"kind": "alarm", "code": "P{n}"}}' for n in range(50)]
    one = statistics("data", histogram_bounds=format_array(tuple(documents)))
    found = ColumnValues("jsonb", 50.0, one)
    paths = {found.document_path(random.Random(n)) for n in range(40)}
    assert len(paths) > 10
    assert sum("kind" in str(path) for path in paths) <= 1


def test_what_is_added_to_a_value_is_a_width() -> None:
    numbers = (met(1, "id", ">="), met(2, "id", "<=", through=("+",)), met(3, "id", "<=", through=("+",), argument=1))
    widths = [int(scenario[2] or 0) for scenario in draw("select $1, $2, $3", ["int8"] * 3, *numbers)]
    assert max(widths) <= 0.2 * 300


def test_people_search_for_one_word_or_several() -> None:
    parsed = {value for (value,) in draw("select $1", ["text"], met(1, "words", "@@", through=("to_tsquery",)))}
    plain = {value for (value,) in draw("select $1", ["text"], met(1, "words", "@@", through=("plainto_tsquery",)))}
    assert "heart" in parsed and {"heart & knee", "knee & heart"} & parsed
    assert "heart" in plain and {"heart knee", "knee heart"} & plain
    assert "'heart'" in {value for (value,) in draw("select $1", ["tsquery"], met(1, "words", "@@"))}


def test_prefixes_are_not_all_cut_from_known_values() -> None:
    bounds = tuple(f"Invoice {number}" for number in range(100000, 600000, 5000))
    known = statistics("reference", histogram_bounds="{" + ",".join(f'"{bound}"' for bound in bounds) + "}")
    references = ColumnValues("varchar", 500000.0, known)
    beside = references.beside("Invoice 105000", random.Random(1))
    assert beside.startswith("Invoice 10500") and not any(bound.startswith(beside) for bound in bounds)
    assert (
        references.beside("Invoice", random.Random(1)) == "Invoice"
    )  # what begins many values may be asked for as it is
    assert references.beside("Invoice 1", random.Random(1)) == "Invoice 1"
    inside = references.beside("E 12500", random.Random(1), inside=True)
    assert inside.startswith("E 1250") and not any(inside.lower() in bound.lower() for bound in bounds)


def test_a_search_for_one_thing_tells_it_from_others() -> None:
    titles = tuple(f"{kind} Night {n}" for kind in ("Jazz", "Opera") for n in range(100, 150))
    known = statistics("name", histogram_bounds=format_array(titles))
    assert ColumnValues("text", 5000.0, known).telling("Jazz Night 117", 4, 6) == "Jazz Night 117"
    assert ColumnValues("text", 5000.0, known).telling("Gala", 0, 2) == "Ga"


def test_lower_of_a_column() -> None:
    found = draw("select $1", ["text"], met(1, "name", "=", around=("lower",)))
    assert all(value == str(value).lower() for (value,) in found)


def test_ranges_around_now_without_statistics() -> None:
    found = draw("select $1", ["tstzrange"], met(1, "during", "&&"))
    assert all(str(value).startswith("[2025-06-01T00:00:00") for (value,) in found)
    ends = draw(
        "select $1, $2",
        ["timestamptz"] * 2,
        met(1, "during", "&&", through=("tstzrange",), argument=0),
        met(2, "during", "&&", through=("tstzrange",), argument=1),
    )
    assert all(str(low) < str(high) for low, high in ends)


def test_values_of_one_type_are_not_put_into_another() -> None:
    assert draw("select $1", ["regconfig"], met(1, "name", "@@"), count=1) == [("simple",)]
    assert draw("select $1", ["int4"], met(1, "data", "=", around=("->>",)), count=1) == [("1",)]
    assert draw("select $1", ["uuid"], met(1, "unknown", "="), count=1) != [("a",)]


@pytest.mark.parametrize(
    ("text", "type_name"),
    [("2024-02-29 12:00:00.12345+02", "timestamptz"), ("2024-02-29", "date"), ("17", "int4"), ("-2.5", "numeric")],
)
def test_numbers_there_and_back(text: str, type_name: str) -> None:
    number = to_number(text, type_name)
    assert number is not None
    assert to_number(from_number(number, type_name), type_name) == pytest.approx(number, rel=1e-9)


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0044-03-15 00:00:00 BC", "NaN", ""])
def test_values_without_a_number(text: str) -> None:
    assert to_number(text, "timestamptz") is None
    assert to_number(text, "numeric") is None


def test_column_without_statistics() -> None:
    values = ColumnValues("text", 1000.0, None)
    assert values.equal(0.5, by_rows=True, chance=random.Random(1)) is None
    assert values.quantile(0.5) is None
    assert not values.known


def test_quantiles_are_interpolated() -> None:
    values = ColumnValues("int4", 400.0, statistics("id", histogram_bounds="{0,100,200}"))
    assert [values.quantile(share) for share in (0, 0.25, 0.5, 1, 9)] == ["0", "50", "100", "200", "200"]


def test_defaults_by_type() -> None:
    values = Values(Catalog(snapshot()), {"public.mood": "calm"})
    assert values.default("public.mood") == "calm"
    assert values.default("pg_catalog.timestamptz") == NOW.isoformat()
    assert values.default("pg_catalog._int4") == "{}"
    assert values.default("public.composite") is None


def test_a_partition_takes_its_values_from_the_whole_table() -> None:
    """A partition's own statistics know only its own months."""
    whole, part = RelationName("public", "log"), RelationName("public", "log_old")
    taken = snapshot(
        tables=(table(name="log", kind="p"), table(name="log_old", parent=whole, is_partition=True)),
        columns=(column("at", "timestamptz", part),),
        statistics=(
            statistics("at", part, histogram_bounds='{"2001-01-01 00:00:00+00","2001-02-01 00:00:00+00"}'),
            statistics("at", whole, inherited=True, histogram_bounds=DAYS),
        ),
    )
    values = Values(Catalog(taken)).of(part, "at")
    assert values is not None
    assert values.quantile(1.0) == "2025-06-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("select json_agg(r) from (select * from orders order by id limit $1) r", "20"),  # one document, of any rows
        ("select * from orders order by id limit $1", "1"),
        ("select (select id from orders order by id limit $1)", "1"),
        ("delete from orders where id in (select id from orders limit $1)", "1"),
    ],
)
def test_one_row_of_an_outer_query_tells_no_inner_limit(text: str, limit: str) -> None:
    assert {scenario[0] for scenario in draw(text, ["int8"], rows=1.0)} == {limit}
