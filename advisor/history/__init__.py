"""History: runs kept, compared and judged.

The store is all the I/O there is; differences, trends and the ledger are pure functions of runs.

    with open_history(None) as history:                                 # a path, a PostgreSQL DSN, None: the default
        target = history.target(identity_of(snapshot, name="shop-eu"))  # TargetRow; made where it is new
        last = history.last_run(target.id)                              # Run | None: snapshot, findings, plans
        run_id = history.save(target.id, run)                           # one transaction, all or nothing
        history.runs(target.id, most=10)                                # RunHead: at, counts, events; no payload
        history.run(run_id); history.targets(); history.find_target(identity); history.prune(older_than)

`Run` (advisor/history/model.py) is what one look at one database leaves: a slim, redacted `Snapshot` (counters, sizes,
settings, index definitions; no column values, no literals), the findings, the plans of the top statements, the ledger.
`record()` in advisor/history/record.py does the whole of it for one report. Several processes may use one history.
"""

from __future__ import annotations
