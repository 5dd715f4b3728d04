"""Reading a whole workload without a server: nothing is lost, and no entry ends the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from advisor.errors import ServerLost
from advisor.model.activity import StatementsView, WorkloadText
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.workload import Workload
from advisor.progress import Silent
from advisor.workload import read as reading
from advisor.workload.read import read_workload
from advisor.workload.session import ParsedTypes, ParseError
from tests.unit.workload.fakes import FakeSession, column, row, session_row, snapshot, table

BY_ID = "select * from orders where id = $1"


def read(session: FakeSession | None = None, **changes: Any) -> Workload:
    taken = snapshot(**changes)
    return read_workload(taken, Catalog(taken), session or FakeSession(), Silent())


def test_one_malformed_entry_among_a_hundred() -> None:
    rows = [row(f"select c{number} from orders where id = $1") for number in range(99)]
    rows.insert(50, row("select from where ("))
    workload = read(statements=tuple(rows))
    assert len(workload.statements) == 99
    assert [item.category for item in workload.unusable] == ["unparsable"]


def test_a_server_that_refuses_ends_one_statement() -> None:
    refusal = ParseError(sqlstate="42P01", message='relation "gone" does not exist', position=14)
    session = FakeSession({"gone": refusal})
    workload = read(session, statements=(row(BY_ID), row("select * from gone where id = $1", calls=3)))
    assert [statement.text for statement in workload.statements] == [BY_ID]
    (lost,) = workload.unusable
    assert (lost.category, lost.sqlstate, lost.calls) == ("unplannable", "42P01", 3)
    assert "gone" in lost.reason


def test_a_search_for_types_is_bounded() -> None:
    class Stubborn(FakeSession):
        asked = 0

        def parse(self, text: str, types: Sequence[str | None], search_path: Sequence[str]) -> ParsedTypes | ParseError:
            self.asked += 1
            return ParseError(sqlstate="42883", message="operator does not exist", position=None)

    session = Stubborn()
    text = "select " + ", ".join(f"f(${number})" for number in range(1, 40)) + " from orders"
    workload = read(session, statements=(row(text),))
    assert not workload.statements
    assert session.asked <= 410


def test_everything_is_counted() -> None:
    texts: list[tuple[str | None, str]] = [
        ("BEGIN", "transaction"),
        ("VACUUM orders", "utility"),
        ("select /* pgadvise */ * from orders", "own"),
        (None, "hidden"),
        ("<insufficient privilege>", "hidden"),
        ("select relname from pg_class where oid = $1", "catalog"),
        ("select now()", "no_table"),
        ("copy orders from stdin", "bulk_load"),
        ("select * from orders where id = ", "unparsable"),
        ("x" * 1_000_000, "unplannable"),
    ]
    workload = read(
        statements=tuple(row(text, queryid=number) for number, (text, _) in enumerate(texts)),
        statements_view=StatementsView(status="ok", entries_other_databases=7, dealloc=3),
        sessions=(session_row("select 1", database="other"),),
    )
    assert not workload.statements
    found = Counter(item.category for item in workload.unusable)
    assert found == Counter([category for _, category in texts] + ["foreign_database", "foreign_database"])
    assert workload.total_exec_time == 100.0 * len(texts)
    assert workload.evicted == 3
    assert all(item.reason and len(item.text) <= 2000 for item in workload.unusable)


def test_bulk_insert_is_no_workload() -> None:
    text = "insert into orders (id) select * from staging"
    workload = read(statements=(row(text, calls=1, rows=50000), row("insert into orders (id) values ($1)", calls=1)))
    assert [item.category for item in workload.unusable] == ["bulk_load"]
    assert [statement.kind for statement in workload.statements] == ["insert"]


def test_same_text_of_two_roles_is_one_statement() -> None:
    workload = read(statements=(row(BY_ID, role="a", queryid=1), row(BY_ID, role="b", queryid=1, calls=5)))
    (statement,) = workload.statements
    assert statement.calls == 15
    assert statement.roles == ("a", "b")
    assert statement.rows == 20
    assert statement.shared_blks == 200


def test_explain_adds_nothing_to_what_was_run() -> None:
    asked = row("EXPLAIN select * from orders where id = $1", calls=900, rows=0, shared_blks_hit=0)
    (statement,) = read(statements=(asked, row(BY_ID))).statements
    assert (statement.calls, statement.rows) == (10, 10)
    (alone,) = read(statements=(asked,)).statements
    assert (alone.text.strip(), alone.rows, alone.shared_blks) == (BY_ID, None, None)


def test_equality_and_list_are_two_statements() -> None:
    """The fingerprint equates `= $1` and IN (…) of any length; plans differ."""
    workload = read(
        statements=(
            row(BY_ID),
            row("select * from orders where id in ($1, $2)", calls=2),
            row("select * from orders where id in ($1, $2, $3)", calls=3),
        )
    )
    assert len({statement.fingerprint for statement in workload.statements}) == 1
    assert sorted(statement.calls for statement in workload.statements) == [5, 10]
    assert len({statement.key for statement in workload.statements}) == 2


def test_tables_of_one_name_in_two_schemas_are_two_statements() -> None:
    tables = (table("a", "orders"), table("b", "orders"))
    workload = read(
        tables=tables,
        columns=tuple(column("id", "int8", item.relation) for item in tables),
        statements=(row("select id from a.orders where id = $1"), row("select id from b.orders where id = $1")),
    )
    assert {statement.relations for statement in workload.statements} == {
        (RelationName("a", "orders"),),
        (RelationName("b", "orders"),),
    }


def test_literals_of_sessions_are_bound() -> None:
    workload = read(
        statements=(row("select * from orders where id = $1 and status = $2", queryid=9),),
        sessions=(
            session_row("SELECT * FROM orders WHERE id = 7 AND status = 'open'"),
            session_row("SELECT * FROM orders WHERE id = 7 AND status = 'open'", pid=2),
            session_row("select * from orders where id = $1 and status = $2", pid=3),
        ),
    )
    (statement,) = workload.statements
    assert statement.evidence == "literals"
    assert statement.sources == ("pg_stat_statements", "activity")
    assert statement.calls == 10
    assert ("7", "open") in {binding.values for binding in statement.bindings if binding.origin == "literal"}


def test_texts_of_a_file_become_one_statement() -> None:
    texts = tuple(
        WorkloadText(query=f"select * from orders where id = {n} and status = 'open'", calls=n, source="w.sql")
        for n in (1, 2, 3)
    )
    (statement,) = read(workload_texts=texts).statements
    assert statement.text == "select * from orders where id = $1 and status = 'open'"
    assert (statement.calls, statement.sources, statement.total_exec_time) == (6, ("w.sql",), None)
    assert statement.evidence == "literals"


def test_a_single_text_keeps_its_constants() -> None:
    text = "select * from orders where id = 5 and status = 'open'"
    (statement,) = read(workload_texts=(WorkloadText(query=text, calls=4),)).statements
    assert statement.text == text
    assert [(binding.values, binding.weight) for binding in statement.bindings] == [((), 1.0)]


def test_constants_among_normalised_texts_are_used() -> None:
    """A cached plan that outlives a reset comes back with its constants."""
    rows = (row(BY_ID, calls=5), row("select * from orders where id = 77", calls=100, total_exec_time=900.0))
    (statement,) = read(statements=rows).statements
    assert (statement.text, statement.calls) == (BY_ID, 105)
    assert ("77",) in {binding.values for binding in statement.bindings if binding.origin == "literal"}


def test_utilities_that_keep_constants_become_one() -> None:
    rows = tuple(
        row(f"create temp table x as select * from orders where id = {n} and status = 'open'") for n in range(9)
    )
    (statement,) = read(statements=rows).statements
    assert statement.text.strip() == "select * from orders where id = $1 and status = 'open'"
    assert (statement.calls, statement.evidence) == (90, "literals")


def test_a_text_with_several_statements_is_split() -> None:
    workload = read(sessions=(session_row("begin; select * from orders where id = 5; commit"),))
    assert [statement.text for statement in workload.statements] == ["select * from orders where id = 5"]
    assert {item.category for item in workload.unusable} == {"transaction"}


def test_truncated_session_text_is_recognised() -> None:
    whole = "select id, status, created_at from orders where status = $1 and id > $2"
    cut = "select id, status, created_at from orders where status = '" + "x" * 1000
    workload = read(statements=(row(whole),), sessions=(session_row(cut[:1023]),))
    assert not workload.unusable
    assert workload.statements[0].evidence == "statistics"
    workload = read(sessions=(session_row(cut[:1023]),))
    assert [item.category for item in workload.unusable] == ["unparsable"]
    assert "truncated" in workload.unusable[0].reason


def test_our_own_session_is_not_the_workload() -> None:
    workload = read(sessions=(session_row("select * from orders", application_name="pgadvise"),))
    assert not workload.statements


def test_column_uses_that_fail_cost_a_note_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(reading, "resolve_uses", broken)
    (statement,) = read(statements=(row(BY_ID),)).statements
    assert statement.uses == ()
    assert statement.relations == (RelationName("public", "orders"),)
    assert any("could not be worked out" in note for note in statement.notes)


def test_a_lost_server_ends_the_reading() -> None:
    class Gone(FakeSession):
        def parse(self, *_: object) -> ParsedTypes:  # type: ignore[override]
            raise ServerLost("gone")

    with pytest.raises(ServerLost):
        read(Gone(), statements=(row(BY_ID),))


def test_deep_nesting_is_survived() -> None:
    deep = "select * from orders where id = " + "(" * 3000 + "1" + " + 1)" * 3000
    workload = read(statements=(row(BY_ID), row(deep)))
    assert BY_ID in [statement.text for statement in workload.statements]
    assert len(workload.statements) + len(workload.unusable) == 2


def test_keys_do_not_depend_on_the_run() -> None:
    one = read(statements=(row(BY_ID), row("select status from orders where id = $1")))
    other = read(statements=(row("SELECT status FROM orders WHERE id = $1"), row(BY_ID, calls=99)))
    assert {statement.key for statement in one.statements} == {statement.key for statement in other.statements}


def test_counters_without_texts_are_hidden_not_lost() -> None:
    """A damaged text file leaves only numbers; texts seen in sessions still make a workload."""
    rows = tuple(row(None, queryid=number) for number in range(3))
    workload = read(statements=rows, sessions=(session_row("select * from orders where id = 5", query_id=1),))
    assert [item.category for item in workload.unusable] == ["hidden"]
    assert workload.unusable[0].calls == 30
    assert len(workload.statements) == 1


def test_a_reset_between_snapshots_changes_nothing_else() -> None:
    taken = snapshot(statements=(row(BY_ID, calls=0, rows=0, total_exec_time=0.0, shared_blks_hit=0),))
    workload = read_workload(replace(taken), Catalog(taken), FakeSession(), Silent())
    assert workload.statements[0].mean_exec_time is None


class IndexSession(FakeSession):
    """Plans everything with an index."""

    def explain(self, *question: Any) -> dict[str, Any] | ParseError:
        super().explain(*question)
        return {
            "Node Type": "Index Scan", "Relation Name": "orders", "Index Name": "orders_pkey", "Plan Rows": 1,
            "Total Cost": 8.0, "Index Cond": "(id = 1)",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (BY_ID, "parameter type mismatch suspected"),
        ("select * from orders where id > $1 order by id limit 5", "what the LIMIT waits for"),
    ],
)
def test_many_more_blocks_than_the_plan_expects_are_doubted_for_the_right_reason(query: str, said: str) -> None:
    workload = read(IndexSession(), statements=(row(query, shared_blks_hit=100_000),))
    assert any(said in note for note in workload.statements[0].notes)
