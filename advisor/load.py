"""The load check's way through: a live server, its workload read with values, then pgbench at growing clients."""

from __future__ import annotations

from dataclasses import replace

from advisor.connect import Session
from advisor.errors import UsageError
from advisor.model.load import LoadCheck
from advisor.model.lookup import Catalog
from advisor.pipeline import Source, open_source
from advisor.progress import Progress
from advisor.settings.load import Demanded
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.load import LoadOptions, check_load
from advisor.workload.read import read_workload
from advisor.workload.touched import relations_touched


def run_load_check(source: Source, demanded: Demanded, options: LoadOptions, progress: Progress) -> LoadCheck:
    """Return what the source's server carries. Raises UsageError, LoadFailed, TwinFailed, ConnectionFailed.

    With files of statements only those take part, else what pg_stat_statements and the sessions show.
    """
    if source.snapshot is not None:
        raise UsageError("A load check needs a server, and a snapshot is none.", "Give --dsn.")
    with open_source(source, None, progress) as (snapshot, connection):
        if not isinstance(connection, Session):
            raise UsageError("A load check needs a server.", "Give --dsn.")
        if snapshot.workload_texts:
            snapshot = replace(snapshot, statements=(), sessions=())
        catalog = Catalog(snapshot)
        what_if = WhatIfOptions(touched=relations_touched(snapshot, catalog))
        # The planner types the statements and tells their usual values; it has gone before the load begins.
        with open_whatif(snapshot, what_if, connection, progress) as engine:
            assert engine is not None  # mode auto
            workload = read_workload(snapshot, catalog, engine.session, progress)
        return check_load(connection, workload, demanded, options, progress)
