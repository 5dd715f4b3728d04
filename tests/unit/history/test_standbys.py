"""What standbys use counts in the history, too, through their absences and resets."""

from __future__ import annotations

from dataclasses import replace

from advisor.history.take import slim
from advisor.history.windows import used_indexes, with_index_use
from advisor.model.activity import Session, StatementsView
from advisor.model.replica import IndexUse, Replica
from advisor.model.snapshot import Snapshot
from tests.unit.history.build import STARTED, day, index, reading, statement


def _night(number: float, *uses: tuple[str, int, float]) -> Snapshot:
    """A reading with standbys: name, scans of the index there, day its server was started."""
    snapshot = reading(number, indexes=(index(scans=0),))
    only = snapshot.indexes[0]
    replicas = tuple(
        Replica(
            name=name,
            status="read",
            server=replace(snapshot.server, started_at=day(started), in_recovery=True),
            indexes=(IndexUse(schema=only.schema, name=only.name, idx_scan=scans, idx_tup_read=0, idx_tup_fetch=0),)
            if scans
            else (),
            uses_known=True,
        )
        for name, scans, started in uses
    )
    return replace(snapshot, replicas=replicas)


def test_a_use_on_a_standby_is_a_use() -> None:
    first = _night(0, ("db2", 0, 0), ("db3", 0, 0))
    uses = used_indexes((), None, first, False)
    assert uses[0].last_used is None
    used = _night(1, ("db2", 0, 0), ("db3", 4, 0))
    uses = used_indexes(uses, first, used, True)
    assert uses[0].last_used == day(1)
    # Nothing new: neither while the standby is away nor when it is back with the same count.
    away = _night(2, ("db2", 0, 0))
    uses = used_indexes(uses, used, away, True)
    assert uses[0].last_used == day(1)
    same = _night(3, ("db2", 0, 0), ("db3", 4, 0))
    assert used_indexes(uses, used, same, True)[0].last_used == day(1)
    # After a restart of the standby its counters begin anew, and a small count is news.
    again = _night(9, ("db2", 0, 0), ("db3", 1, 8))
    uses = used_indexes(uses, same, again, True)
    assert uses[0].last_used == day(9)
    late = _night(300, ("db2", 0, 0), ("db3", 0, 299))
    assert with_index_use(late, used_indexes(uses, again, late, True)).indexes[0].idx_scan == 1


def test_what_is_kept_of_a_standby_is_slim() -> None:
    night = _night(1, ("db2", 4, 0))
    session = Session(
        sampled_at=STARTED, pid=1, leader_pid=None, database="shop", role="ann", application_name=None,
        client_addr=None, backend_type="client backend", state="active", wait_event_type=None, wait_event=None,
        backend_start=None, xact_start=None, query_start=None,
        state_change=None, query_id=None, query="select 's3cret'", xmin_age=None,
    )  # fmt: skip
    busy = replace(
        night.replicas[0], sessions=(session,), statements=(statement("select 's3cret'"),),
        statements_view=StatementsView(status="ok"),
    )  # fmt: skip
    (kept,) = slim(replace(night, replicas=(busy,))).replicas
    assert kept.sessions == ()
    assert kept.indexes[0].idx_scan == 4
    assert all("s3cret" not in (row.query or "") for row in kept.statements)
