"""Samples of pg_stat_activity: one, or several a second for a while, each in a short transaction of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from advisor.collect.privileges import role_of
from advisor.collect.reader import Reader
from advisor.model.activity import Session
from advisor.model.redaction import mask_secrets
from advisor.model.snapshot import Gap
from advisor.progress import Progress

_INTERVAL = 0.2  # seconds between samples: statements of some 100 ms are seen at times, and the server does not notice
# pg_blocking_pids stops all lock traffic for a moment: once a second is enough to see who blocks whom.
_BLOCKERS_EVERY = 5
_KEPT = 50_000  # rows; a snapshot stays a file that can be mailed


def collect_sessions(reader: Reader, seconds: float, progress: Progress) -> tuple[Session, ...]:
    """Return the sessions at one moment, or every 0.2 s for `seconds`.

    An idle session is kept once per statement it last ran (its text holds literals, its idleness is no news); all
    other sights are kept, so that their number says how long a wait or a statement lasted.
    """
    found: list[Session] = []
    seen: set[tuple[object, ...]] = set()
    started = time.monotonic()
    failed = len(reader.gaps)
    with progress.step("sampling sessions", seconds or None) as step:
        for number in range(max(1, round(seconds / _INTERVAL))):
            pause = started + number * _INTERVAL - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            rows = reader.rows(
                "activity",
                Session,
                what="sessions (pg_stat_activity)",
                params={"blockers": number % _BLOCKERS_EVERY == 0},
                costs="blocking, idle transactions and literal values are not seen",
            )
            found += _news(rows, seen)
            step.advance(_INTERVAL)
            if len(reader.gaps) > failed or len(found) > _KEPT:
                break
    _tell_of_hidden(reader, found)
    return tuple(found[:_KEPT])


def _news(rows: Iterable[Session], seen: set[tuple[object, ...]]) -> Iterable[Session]:
    for row in rows:
        key = (row.pid, row.backend_start, row.query_start, row.state)
        if row.state not in (None, "idle") or key not in seen:
            seen.add(key)
            yield replace(row, query=mask_secrets(row.query))


def _tell_of_hidden(reader: Reader, found: Iterable[Session]) -> None:
    hidden = {row.pid for row in found if row.query == "<insufficient privilege>"}
    if hidden:
        reader.gaps.append(
            Gap(
                what=f"{len(hidden)} sessions of other roles in pg_stat_activity",
                why="the role sees its own sessions only",
                fix=f"GRANT pg_read_all_stats TO {role_of(reader)};",
                costs="blocking, idle transactions and literal values of those sessions are not seen",
            )
        )
