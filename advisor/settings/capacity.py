"""From users to pool, max_connections and memory, by Little's law; every assumption is listed and can be replaced.

Connections busy = requests per second x seconds of database time per request. The pool is the smallest that stays
below 70 % busy at the peak (judgement: beyond that, waiting grows fast).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from itertools import pairwise

from advisor.errors import UsageError
from advisor.model.report import Capacity
from advisor.model.server import HostFacts
from advisor.model.snapshot import Snapshot
from advisor.settings.configuration import fresh_configuration
from advisor.settings.evidence import Evidence
from advisor.settings.host import Host, resolve_host
from advisor.settings.options import SettingsOptions
from advisor.settings.pgbouncer import pgbouncer_ini
from advisor.settings.sizing import Demand, size_memory
from advisor.settings.workers import autovacuum_workers, parallel_limits

_MIN_POOL = 5
_BUSY = 0.7
_PEAK_FACTOR = 3.0
_CORES = (2, 4, 8, 16, 32, 64, 128, 256)
_MOST_CONNECTIONS = 262_143  # the largest max_connections
_NEON_SUSPEND = 300  # seconds
# Statements seen for less than this say little about the database time per request.
_MEASURED_MIN_CALLS = 1000


_PEAK = re.compile(r"^(\d{1,2})-(\d{1,2})(?:[:=x](\d{1,6}(?:\.\d+)?))?$")


@dataclass(frozen=True, slots=True)
class Peak:
    """Hours of the day, `first` up to but not including `last`, with `factor` times the average load."""

    first: int
    last: int
    factor: float

    @property
    def hours(self) -> str:
        return f"{self.first:02d}:00 to {self.last:02d}:00"


def parse_peaks(text: str, factor: float | None = None) -> tuple[Peak, ...]:
    """Return the peaks of '7-9:3,18-22:2': from 7 to 9 three times the average. Raises UsageError.

    `factor` is that of hours without one of their own; None is the usual assumption.

    >>> parse_peaks("7-9,18-22:2")
    (Peak(first=7, last=9, factor=3.0), Peak(first=18, last=22, factor=2.0))
    """
    found: list[Peak] = []
    for part in text.split(","):
        match = _PEAK.match(part.strip())
        own = None
        if match is not None:
            own = float(match[3]) if match[3] else factor or _PEAK_FACTOR
        if match is None or own is None or int(match[1]) >= int(match[2]) or int(match[2]) > 24 or own <= 0:
            raise UsageError(
                f"'{part.strip()}' is not a peak.",
                "Write hours and a factor, like 7-9:3,18-22:2 (three times the average).",
            )
        found.append(Peak(int(match[1]), int(match[2]), own))
    found.sort(key=lambda peak: peak.first)
    for one, other in pairwise(found):
        if other.first < one.last:
            raise UsageError(f"The peaks {one.hours} and {other.hours} overlap.", "Give each hour once.")
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What a load is made of. Times in seconds."""

    seconds_between_requests: float = 10.0  # per user
    database_seconds: float = 0.020  # per request
    statements_per_request: float = 1.0
    peak_factor: float = _PEAK_FACTOR
    peaks: tuple[Peak, ...] = ()  # by hours of the day; the largest replaces peak_factor
    clients_per_user: float = 1.2  # clients of the pooler
    direct: int = 10  # connections past the pooler: migrations, monitoring, people
    replication: int = 4
    reserved: int = 3  # superuser_reserved_connections and reserved_connections
    pools: int = 1  # user and database pairs with a pool of their own
    application_pool: int | None = None  # connections of each process
    processes: int = 1  # of the application, per server
    servers: int = 1
    acquire_timeout: float = 30.0
    idle_timeout: float = 600.0
    profile: str = "web"

    def __post_init__(self) -> None:
        for name in ("seconds_between_requests", "database_seconds", "statements_per_request", "peak_factor"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name.replace('_', ' ')} must be above 0.", "Give a positive number.")
        for name in ("pools", "processes", "servers"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1.", "Give a whole number from 1 up.")
        if min(self.direct, self.replication, self.reserved) < 0:
            raise UsageError("Numbers of connections must not be negative.", "Give whole numbers.")
        if self.application_pool is not None and self.application_pool < 1:
            raise UsageError("The application's pool must be at least 1.", "Give a whole number from 1 up.")


def capacity(
    users: int,
    assumptions: Assumptions | None = None,
    *,
    cores: float | None = None,
    ram_bytes: int | None = None,
    major: int = 17,
    provider: str = "self-hosted",
    max_connections: int | None = None,
    measured: str | None = None,
) -> Capacity:
    """Return pool, max_connections, pooler and memory for `users` people at the same time.

    `max_connections` is what the server has now, where that is known; `measured` says what was measured instead of
    assumed. Raises UsageError for impossible numbers.
    """
    if users < 1:
        raise UsageError(f"{users} users make no sense.", "Give a number from 1 up: --users 500")
    a = assumptions or Assumptions()
    factor = max((peak.factor for peak in a.peaks), default=a.peak_factor)
    rate = factor * users / a.seconds_between_requests
    busy = rate * a.database_seconds
    pool = _pool_for(busy)
    needed = next((c for c in _CORES if 2 * c + 1 >= pool), _CORES[-1])
    warnings: list[str] = []
    notes = [
        f"{peak.hours}: {peak.factor / factor * busy:.3g} connections busy, pool"
        f" {_pool_for(peak.factor / factor * busy)}."
        for peak in a.peaks
    ]
    ceiling = 2 * max(1, int(cores)) + 1 if cores is not None else None
    if ceiling is not None and pool > ceiling:
        warnings.append(
            f"{pool} busy connections want {needed} cores; on {cores:g} more than {ceiling} only take turns. More "
            "cores or "
            "faster statements help, more connections do not."
        )
        pool_used = max(_MIN_POOL, ceiling)
    else:
        pool_used = pool
    if 2 * needed + 1 < pool:
        warnings.append(f"A pool of {pool} is beyond one server of {needed} cores: spread reads over replicas.")
    connections = _round_up(1.2 * (pool_used * a.pools + a.direct + a.replication + a.reserved), 10)
    if connections > _MOST_CONNECTIONS:
        raise UsageError(
            f"{users:,} users keep {busy:,.0f} connections busy by these assumptions, which no server has.",
            "Check the assumptions, or divide the users over several servers.",
        )
    clients = math.ceil(round(a.clients_per_user * users, 6))
    application = None
    if a.application_pool is not None:
        application = a.application_pool * a.processes * a.servers
        clients = max(clients, application)
        sentence = f"{a.application_pool} x {a.processes} processes x {a.servers} servers = {application} connections"
        room = (max_connections or connections) - a.reserved - a.replication
        if application > room:
            warnings.append(
                f"The application may open {sentence}; the server takes {room}. Connect it to the pooler, or give each "
                f"process at most {max(1, room // (a.processes * a.servers))}."
            )
        else:
            notes.append(f"The application opens at most {sentence}, which fits.")
    if max_connections is not None and max_connections < pool_used * a.pools + a.direct + a.reserved:
        warnings.append(f"max_connections is {max_connections} now; {connections} are needed.")
    if provider == "neon":
        if a.idle_timeout > _NEON_SUSPEND:
            warnings.append(
                f"An idle timeout of {a.idle_timeout:g} s outlives Neon's suspension after 5 minutes: connections in "
                "the pool "
                "are dead when they are used again. Stay below 300 s, or test connections before use."
            )
        notes.append("On Neon the pooler is built in, with 0.9 x max_connections server connections; it is not a knob.")
    elif provider == "azure":
        notes.append("Azure has PgBouncer built in, not on the Burstable tier.")
    elif provider == "supabase":
        notes.append(
            "Supabase has a pooler built in; direct connections are limited by the compute size (60 on the smallest)."
        )
    work_mem, worst = _memory(ram_bytes, cores or needed, connections, pool_used * a.pools, major, a.profile)
    return Capacity(
        users=users,
        requests_per_second=rate,
        busy=busy,
        pool=pool_used,
        cores=needed,
        max_connections=connections,
        max_client_connections=clients,
        ram_bytes=ram_bytes,
        work_mem_bytes=work_mem,
        worst_case_bytes=worst,
        application_connections=application,
        pgbouncer_ini=pgbouncer_ini(
            pool=pool_used * a.pools,
            max_client_connections=clients,
            users=a.pools,
            acquire_timeout=a.acquire_timeout,
            idle_timeout=min(a.idle_timeout, _NEON_SUSPEND - 60) if provider == "neon" else a.idle_timeout,
        ),
        assumptions=_assumed(a, measured),
        warnings=tuple(warnings),
        notes=tuple(notes),
    )


def _pool_for(busy: float) -> int:
    # round(): 21 / 0.7 must not become 30.000000000000004; floor + 1 stays strictly below 70 %.
    return max(_MIN_POOL, math.floor(round(busy / _BUSY, 6)) + 1)


def _round_up(value: float, step: int) -> int:
    return math.ceil(round(value, 6) / step) * step


def _memory(
    ram: int | None, cores: float, connections: int, pool: int, major: int, profile: str
) -> tuple[int | None, int | None]:
    if ram is None:
        return None, None
    now = fresh_configuration(major)
    whole = max(1, int(cores))
    parallel, per_gather = parallel_limits(whole, profile, now)
    demand = Demand(
        profile=profile,
        ram=ram,
        cores=whole,
        connections=connections,
        workers=autovacuum_workers(whole, now),
        parallel=parallel,
        per_gather=per_gather,
        pool=pool,
        exact=True,
    )
    plan = size_memory(now, demand, Evidence(), lambda _: True).plan
    return plan.work_mem, plan.worst_case


def _assumed(a: Assumptions, measured: str | None) -> tuple[str, ...]:
    return (
        f"one request per user every {a.seconds_between_requests:g} s",
        measured or f"{a.database_seconds * 1000:g} ms of database time per request (assumed)",
        f"the peak is {max((p.factor for p in a.peaks), default=a.peak_factor):g} times the average",
        f"a pool stays below {_BUSY:.0%} busy at the peak, and has at least {_MIN_POOL} connections",
        f"{a.direct} connections past the pooler, {a.replication} for replication, {a.reserved} reserved, 20 % to "
        "spare",
        f"the application waits {a.acquire_timeout:g} s for a connection and drops idle ones after "
        f"{a.idle_timeout:g} s",
    )


def capacity_of(
    snapshot: Snapshot | None, host: Host, options: SettingsOptions, assumptions: Assumptions | None = None
) -> Capacity:
    """Return the capacity for `options.users`, with the database time that pg_stat_statements measured."""
    base = assumptions or Assumptions(profile=options.profile or "web")
    if options.users is None:
        raise UsageError("The number of users is missing.", "Give it with --users 500")
    measured, connections, major, provider = None, None, 17, options.provider or "self-hosted"
    if snapshot is not None:
        major, provider = snapshot.server.major, options.provider or snapshot.server.provider
        found = snapshot.setting("max_connections")
        connections = int(found.setting) if found is not None and found.setting else None
        calls = sum(s.calls for s in snapshot.statements if s.toplevel)
        total = sum(s.total_exec_time for s in snapshot.statements if s.toplevel)
        if calls >= _MEASURED_MIN_CALLS and total > 0:
            seconds = total / calls / 1000 * base.statements_per_request
            base = replace(base, database_seconds=max(seconds, 1e-6))
            measured = (
                f"{seconds * 1000:.3g} ms of database time per request: the average of {calls:,} statements in "
                f"pg_stat_statements, {base.statements_per_request:g} per request"
            )
    return capacity(
        options.users,
        base,
        cores=host.cores,
        ram_bytes=host.ram,
        major=major,
        provider=provider,
        max_connections=connections,
        measured=measured,
    )


def capacity_for_host(users: int, options: SettingsOptions, assumptions: Assumptions | None = None) -> Capacity:
    """Return the capacity without a server, on the host that `options` describe."""
    options = replace(options, users=users)
    host = resolve_host(HostFacts(), options, fresh_configuration(17), "")
    return capacity_of(None, host, options, assumptions)
