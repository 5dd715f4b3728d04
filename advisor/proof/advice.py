"""The advice to prove, with the typed statements and values it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from advisor.errors import TwinFailed
from advisor.index_search import SearchOptions, advise_indexes
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Workload
from advisor.progress import Progress
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.session import PlanningSession
from advisor.workload.read import read_workload
from advisor.workload.replicas import with_standbys
from advisor.workload.touched import relations_touched


def advise_workload(
    snapshot: Snapshot,
    what_if: WhatIfOptions,
    search: SearchOptions,
    connection: psycopg.Connection[Any] | None,
    progress: Progress,
) -> tuple[Workload, IndexAdvice]:
    """Return the workload and the index advice for it, as a report has them. Raises TwinFailed."""
    snapshot = with_standbys(snapshot)
    catalog = Catalog(snapshot)
    what_if = replace(what_if, touched=relations_touched(snapshot, catalog))
    with open_whatif(snapshot, what_if, connection, progress) as engine:
        if engine is None:
            raise TwinFailed("Without a planner there is no advice to prove.", "Leave out --what-if none.")
        workload = read_workload(snapshot, catalog, engine.session, progress)
        return workload, advise_indexes(snapshot, catalog, workload, engine.planner, search, progress)


def reread(snapshot: Snapshot, workload: Workload, connection: psycopg.Connection[Any], progress: Progress) -> Workload:
    """Return the workload with values drawn from `snapshot`'s statistics; `connection` only plans it.

    Statements that were not understood before, or are not here, are left out.
    """
    snapshot = with_standbys(snapshot)
    found = read_workload(snapshot, Catalog(snapshot), PlanningSession(connection), progress)
    known = {statement.key for statement in workload.statements}
    return replace(found, statements=tuple(one for one in found.statements if one.key in known))
