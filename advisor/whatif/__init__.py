"""What would the planner do: a private twin of production, or HypoPG on the server itself."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from advisor.cluster import find_binaries
from advisor.errors import TwinFailed, UsageError
from advisor.index_search.planner import Planner
from advisor.model.names import RelationName
from advisor.model.report import Fidelity
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Statement
from advisor.progress import Progress
from advisor.whatif.container import container_server
from advisor.whatif.fidelity import code_of_others, measure_fidelity
from advisor.whatif.gaps import OTHER_MAJOR
from advisor.whatif.hypopg import HypoPlanner, hypopg_available
from advisor.whatif.session import PlanningSession
from advisor.whatif.twin.build import Twin, build_twin
from advisor.whatif.twin.live import read_live_facts
from advisor.whatif.twin.servers import TwinServer, choose_binaries, local_server, remote_server
from advisor.whatif.twin.switch import TwinPlanner
from advisor.workload.session import ParseSession

MODES = ("auto", "twin", "hypopg", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfOptions:
    """Where the what-if planner comes from.

    `twin_major` asks for another major than production's: an upgrade rehearsal. `endpoints` allows reading the
    smallest and largest value of indexed columns. `touched`: the relations the workload names; None builds all.
    """

    mode: str = "auto"
    twin_dsn: str | None = None
    twin_image: str | None = None
    twin_major: int | None = None
    endpoints: bool = False
    touched: Collection[RelationName] | None = None


@dataclass
class WhatIf:
    """A what-if planner ready for use, with the session that parses the workload."""

    kind: str  # twin or hypopg
    planner: Planner
    session: ParseSession
    server_version: str
    twin_version: str | None
    degraded: tuple[str, ...]
    connection: psycopg.Connection[Any] | None  # production, for the comparison
    incomparable: frozenset[RelationName] = frozenset()  # relations that are not asked about on the server
    twin: Twin | None = None  # for what-ifs beyond indexes
    code: re.Pattern[str] | None = None  # finds statements that are not planned on the server

    def measure_fidelity(self, statements: Sequence[Statement]) -> Fidelity | None:
        """Compare with the server's own plans; None without a connection to it."""
        if self.connection is None or self.connection.closed:
            return None
        return measure_fidelity(
            self.connection,
            self.planner,
            statements,
            kind=self.kind,
            server_version=self.server_version,
            twin_version=self.twin_version,
            degraded=self.degraded,
            incomparable=self.incomparable,
            code=self.code,
        )


@contextlib.contextmanager
def open_whatif(
    snapshot: Snapshot, options: WhatIfOptions, connection: psycopg.Connection[Any] | None, progress: Progress
) -> Iterator[WhatIf | None]:
    """Yield the what-if planner, None for mode 'none'; twin, container and hypothetical indexes are gone afterwards.

    Mode 'auto' takes a twin, and HypoPG where no server for a twin can be had. Raises TwinFailed or UsageError.
    """
    if options.mode not in MODES:
        raise UsageError(f"There is no what-if mode {options.mode!r}.", f"Choose one of: {', '.join(MODES)}.")
    if options.mode == "none":
        yield None
        return
    if options.mode == "hypopg" or (options.mode == "auto" and _only_hypopg(options, connection)):
        with _hypopg(snapshot, connection) as engine:
            yield engine
        return
    with _twin(snapshot, options, connection, progress) as engine:
        yield engine


def _only_hypopg(options: WhatIfOptions, connection: psycopg.Connection[Any] | None) -> bool:
    if options.twin_dsn or options.twin_image or find_binaries(options.twin_major):
        return False
    return connection is not None and hypopg_available(connection)


@contextlib.contextmanager
def _hypopg(snapshot: Snapshot, connection: psycopg.Connection[Any] | None) -> Iterator[WhatIf]:
    if connection is None:
        raise TwinFailed("HypoPG works on the server itself, and there is no connection to it.", "Give --dsn.")
    planner = HypoPlanner(connection, snapshot)
    try:
        yield WhatIf(
            kind="hypopg",
            planner=planner,
            session=planner.session,
            server_version=snapshot.server.version,
            twin_version=None,
            degraded=planner.limits,
            connection=connection,
        )
    finally:
        planner.close()


@contextlib.contextmanager
def _twin(
    snapshot: Snapshot, options: WhatIfOptions, connection: psycopg.Connection[Any] | None, progress: Progress
) -> Iterator[WhatIf]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_server(options, options.twin_major or snapshot.server.major))
        live = read_live_facts(connection, snapshot, options.touched, end_points=options.endpoints)
        twin = stack.enter_context(build_twin(snapshot, server, options.touched, progress, live))
        parsing = stack.enter_context(contextlib.closing(twin.connect()))
        planner = stack.enter_context(contextlib.closing(TwinPlanner(twin)))
        degraded = list(twin.degraded)
        if server.major != snapshot.server.major:
            degraded.insert(
                0,
                f"{OTHER_MAJOR} {server.version}, production {snapshot.server.version.split(' ')[0]}:"
                " plans and costs are what that version would do",
            )
        code = code_of_others(snapshot)
        yield WhatIf(
            kind="twin",
            planner=planner,
            session=PlanningSession(parsing),
            server_version=snapshot.server.version,
            twin_version=server.version,
            degraded=tuple(degraded),
            connection=connection,
            incomparable=_row_secured(snapshot) | _views_with_code(snapshot, code),
            code=code,
            twin=twin,
        )


def _row_secured(snapshot: Snapshot) -> frozenset[RelationName]:
    """Return the tables whose policies the server applies to the connected role, and the twin does not."""
    role = next((r for r in snapshot.roles if r.name == snapshot.server.user), None)
    if snapshot.server.is_superuser or (role is not None and role.bypass_rls):
        return frozenset()
    return frozenset(t.relation for t in snapshot.tables if t.row_security and t.owner != snapshot.server.user)


def _views_with_code(snapshot: Snapshot, code: re.Pattern[str] | None) -> frozenset[RelationName]:
    """Return the views that call functions a superuser should not run, as `code` finds them."""
    if code is None:
        return frozenset()
    views = (o for o in snapshot.schema_objects if o.kind == "view" and code.search(o.ddl) is not None)
    return frozenset(RelationName(view.schema, view.name) for view in views)


def _server(options: WhatIfOptions, major: int) -> contextlib.AbstractContextManager[TwinServer]:
    """Return the server for a twin: what was asked for, else one of this machine."""
    if options.twin_dsn is not None:
        return remote_server(options.twin_dsn)
    if options.twin_image is not None:
        return container_server(options.twin_image)
    return local_server(choose_binaries(major, exact=options.twin_major is not None))
