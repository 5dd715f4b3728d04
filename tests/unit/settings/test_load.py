"""Percentiles, saturation and the verdict of a load check, from made-up measurements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UsageError
from advisor.model.load import LoadCheck, LoadStep, LoadTarget
from advisor.model.names import RelationName
from advisor.model.workload import Binding, Statement
from advisor.render.capacity import render_capacity
from advisor.settings import Assumptions, capacity, parse_peaks
from advisor.settings.load import (
    Demanded,
    demand_of,
    is_flat,
    judge,
    parse_clients,
    parse_target,
    percentile,
    saturation,
    step_of,
)
from advisor.whatif.load.scripts import MOST_SCRIPTS, choose
from advisor.workload.executable import with_values

P95 = LoadTarget(share=0.95, milliseconds=50)


def step(clients: int, per_second: float, p95: float = 10.0, failed: int = 0) -> LoadStep:
    return LoadStep(
        clients=clients, seconds=10, transactions=int(per_second * 10), per_second=per_second, p50=p95 / 2, p95=p95,
        p99=p95 * 2, most=p95 * 3, failed_clients=failed, error="deadlock detected" if failed else None,
    )  # fmt: skip


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_kept_by_its_share(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-6


def test_a_step() -> None:
    found = step_of(2, [(100.0 + n / 10, 50.0) for n in range(1, 101)])
    assert found.transactions == 100 and found.p50 == found.most == 50.0
    assert found.per_second == pytest.approx(100 / 9.95)


def test_saturation() -> None:
    growing = [step(1, 100), step(2, 190), step(4, 350)]
    assert saturation(growing) is None and not is_flat(growing)
    flat = [*growing, step(8, 360), step(16, 340)]
    assert saturation(flat) == 4 and is_flat(flat)
    verdict = judge(flat, (), Demanded())
    assert "Saturated from 4 clients on: 350 statements a second there, 340 with 16" in verdict.sentences[0]
    assert verdict.best is None and verdict.carried is None


def test_targets_and_users() -> None:
    steps = [step(1, 100, 5), step(2, 190, 9), step(4, 350, 80)]
    verdict = judge(steps, (P95,), demand_of(600, Assumptions()))
    assert verdict.best == 2 and verdict.carried is True  # 180 a second
    assert verdict.sentences[1] == (
        "Every target holds up to 2 clients; first missed with 4 clients: p95 is 80 ms there, the target 50 ms."
    )
    more = judge(steps, (P95,), demand_of(1000, Assumptions()))  # 300 a second, which only 4 clients bring, too late
    assert more.carried is False and "at most 190 a second within the targets" in more.sentences[-1]
    assert judge(steps, (), demand_of(1000, Assumptions())).carried is True
    none = judge([step(1, 100, 80)], (P95,), demand_of(1000, Assumptions()))
    assert (
        "300 statements a second at the peak; no step kept the targets, and none brought more than 100"
        in (none.sentences[-1])
    )
    failed = judge([step(1, 100), step(2, 200, failed=1)], (P95,), Demanded())
    assert failed.best == 1 and "a client met an error: deadlock detected" in failed.sentences[1]


@pytest.mark.parametrize("text", ["", "0", "1,,2", "many", "1;2", "-1", "1000000"])
def test_clients_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError):
        parse_clients(text)
    assert parse_clients(" 8,1, 2") == (1, 2, 8)


@pytest.mark.parametrize("text", ["200", "0ms", "-5ms", "fast", "200 lightyears"])
def test_targets_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text, 0.95)
    assert parse_target("200ms", 0.95).name == "p95"


def test_peaks() -> None:
    peaks = parse_peaks("18-21,7-9:5")
    assert [(p.first, p.last, p.factor) for p in peaks] == [(7, 9, 5.0), (18, 21, 3.0)]
    assert parse_peaks("7-9", 2.5)[0].factor == 2.5
    found = capacity(3500, Assumptions(peaks=peaks))
    assert found.busy == pytest.approx(35)
    assert found.notes[0] == "07:00 to 09:00: 35 connections busy, pool 51."
    for text in ("7-9:0", "9-7:3", "7-25", "7", "7-9:3,8-10:2", "", "a-b:c", "7-9:1e9"):
        with pytest.raises(UsageError):
            parse_peaks(text)


def statement(text: str, calls: float, *values: str, kind: str = "select") -> Statement:
    return Statement(
        key=text, fingerprint=text, original=text, text=text, kind=kind, parameter_types=("pg_catalog.text",),
        bindings=tuple(Binding(values=(v,), weight=1 / len(values)) for v in values),
        relations=(RelationName("public", "t"),), uses=(), calls=calls, total_exec_time=None, mean_exec_time=None,
        rows=None, shared_blks=None,
    )  # fmt: skip


def test_values_are_written_safely() -> None:
    text = "select '$1', $1 from t where a = $1 -- $1"
    assert with_values(text, ["pg_catalog.char"], ["x'; drop table t; --\\"]) == (
        "select '$1', (E'x''; drop table t; --\\\\'::pg_catalog.\"char\") from t where a = "
        "(E'x''; drop table t; --\\\\'::pg_catalog.\"char\") -- $1"
    )
    assert with_values("select $1", ["app.Mood"], [None]) == 'select (NULL::app."Mood")'


def test_scripts() -> None:
    statements = [statement(f"select {n} from t where a = $1", 10, "x", "y") for n in range(200)]
    statements.append(statement("select f($1) from t", 1000, "x"))
    statements.append(statement("with d as (delete from t returning a) select * from d where a = $1", 1000, "x"))
    found = choose(statements, writes=False, volatile={"f"})
    assert len(found.scripts) == MOST_SCRIPTS
    assert sum(s.share for s in found.scripts) == pytest.approx(1)
    reasons = {why.split(":")[0] for _, why in found.left_out}
    assert reasons == {
        "it changes or locks rows",
        "nobody knows what the volatile function f() does",
        "too rare",
    }
    writing = choose(statements[-1:], writes=True, volatile=())
    assert writing.scripts[0].text(read_only=True).startswith("BEGIN \\;\n")
    assert writing.scripts[0].text(read_only=True).endswith("\n\\; ROLLBACK;\n")
    assert found.scripts[0].text(read_only=True).startswith("BEGIN READ ONLY")


def test_rendering() -> None:
    steps = (step(1, 100), step(2, 190, 80, failed=1))
    verdict = judge(steps, (P95,), Demanded())
    check = LoadCheck(
        database="shop", version="17", pgbench_version="17", step_seconds=10, steps=steps, statements=(), covered=0.5,
        left_out=(("select 1", "why"),) * 12, targets=(P95,), saturated_at=None, best=1, users=None,
        needed_per_second=None, carried=None, verdict=verdict.sentences,
    )  # fmt: skip
    text = render_capacity(None, "text", check)
    assert "misses p95  1 ended: deadlock detected" in text and "and 2 more" in text and "targets  p95 50 ms" in text
    assert '"p95": 80' in render_capacity(None, "json", check)
    with pytest.raises(UsageError, match="number of users"):
        render_capacity(None, "ini", check)
