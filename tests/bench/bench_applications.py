"""Real seconds of whole applications: without new indexes, with an administrator's list, with the advice.

    python -m tests.bench.bench_applications [name ...] [--major 15] [--rounds 3] [--heldout]

Each application is loaded and its workload really run; the advice is made by the product's own pipeline, once from
pg_stat_statements alone and once with some statements whose constants are known (what a log or a sample of sessions
gives). Then each set of indexes is built in a copy of the database, and the statements run in all copies in turn with
the same values. Seconds are the server's (pg_stat_statements), per call, times the calls of the workload.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import psycopg

from advisor.cluster import Cluster, start_cluster
from advisor.demo import find_application, load_schema, run_workload
from advisor.demo.application import Application, Shape, read_application
from advisor.demo.load import _bindable
from advisor.index_search import SearchOptions
from advisor.model.report import IndexAdvice
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent
from tests.bench.expected import Expected, Key, harmful, keys_of, missing, read_expected
from tests.conftest import REPOSITORY, SERVER_SETTINGS, binaries_for

APPLICATIONS = ("school", "quiz", "shop", "dating")
HELD_OUT = REPOSITORY / "tests/bench/heldout"
_DRAWS = 12  # calls of each statement per round, at most
_SLOW_SECONDS = 2.0  # a statement's draws end after so long in one database
_WITH_CONSTANTS = 12  # texts of each statement with their constants
_SLOWER = 1.3
# 'x'::uuid: psycopg casts the values it writes into a text; a log has them as they were sent.
_CAST = re.compile(r"('(?:[^']|'')*')::(?:uuid|timestamptz|date|jsonb|json|numeric)\b(?:\[\])?")


@dataclass(frozen=True, slots=True)
class Variant:
    """One set of indexes, built in a database of its own."""

    name: str
    ddl: tuple[str, ...]
    megabytes: float = 0.0
    seconds: float = 0.0  # of the advice


class MixedConnection(psycopg.Connection[Any]):
    """Sends half of the statements with their values written into the text, as drivers without parameters do."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        text = query if isinstance(query, bytes) else str(query).encode()
        if crc32(text) % 2:
            return psycopg.ClientCursor(self).execute(query, params)
        return super().execute(query, params, **options)


@dataclass(slots=True)
class Measured:
    """Milliseconds per call of each statement, and the share of updates that were HOT."""

    means: dict[str, float]
    hot: float


def application_named(name: str) -> tuple[Application, Path]:
    """Return an application and the file of its administrator's list."""
    if (HELD_OUT / f"{name}.toml").exists():
        return read_application(HELD_OUT / f"{name}.sql", HELD_OUT / f"{name}.toml"), HELD_OUT / f"{name}.expected.toml"
    return find_application(name), REPOSITORY / "fixtures/expected" / f"{name}.toml"


def load(cluster: Cluster, application: Application, scale: float, folder: Path) -> tuple[str, Path]:
    """Create the application's database, run its workload, return the DSN and the file with constants."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(f'create database "{application.name}"')
    with MixedConnection.connect(cluster.dsn(application.name), autocommit=True) as connection:
        load_schema(connection, application.schema.read_text(), application.schema.name)
        constants = constants_file(cluster.dsn(application.name), application, folder)
        run_workload(connection, application, scale=scale)
    return cluster.dsn(application.name), constants


def constants_file(dsn: str, application: Application, folder: Path) -> Path:
    """Write some statements with their constants, as a log or a sample of sessions shows them."""
    lines = []
    draw = random.Random(5)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for shape in application.statements:
            pools = pools_of(connection, shape)
            texts = min(_WITH_CONSTANTS, shape.calls)
            for _ in range(texts):
                values = {name: draw.choice(pool) for name, pool in pools.items()}
                text = _CAST.sub(r"\1", psycopg.ClientCursor(connection).mogrify(shape.sql.encode(), values or None))
                lines.append(f"-- calls: {shape.calls / texts}\n{text};")
    path = folder / f"{application.name}.constants.sql"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def pools_of(connection: psycopg.Connection[Any], shape: Shape) -> dict[str, Sequence[Any]]:
    """Return the values each parameter is drawn from."""
    return {
        name: [_bindable(row[0]) for row in connection.execute(query.encode()).fetchall()]
        for name, query in shape.values.items()
    }


def advice_of(dsn: str, options: SearchOptions, files: tuple[Path, ...] = ()) -> tuple[IndexAdvice, float]:
    """Return the index advice of the whole product, and its seconds."""
    started = time.perf_counter()
    with open_source(Source(dsn=dsn, workload_files=files), None, Silent()) as (snapshot, connection):
        report = make_report(snapshot, ReportOptions(subjects=("index",), search=options), connection)
    assert report.indexes is not None
    return report.indexes, time.perf_counter() - started


def script_of(advice: IndexAdvice) -> tuple[str, ...]:
    """Return all the advice's statements: creates, what follows them, drops."""
    lines = [line for one in advice.create for line in (*one.ddl.split(";\n"), *one.after_ddl)]
    return (*lines, *(drop.ddl for drop in advice.drop))


@contextmanager
def built(cluster: Cluster, application: Application, variants: Sequence[Variant]) -> Iterator[list[Variant]]:
    """Yield the variants with the real sizes of what each created in its copy of the database."""
    made = []
    try:
        for variant in variants:
            with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
                connection.execute(f'create database "{_copy(application, variant)}" template "{application.name}"')
            with psycopg.connect(cluster.dsn(_copy(application, variant)), autocommit=True) as connection:
                before = _index_bytes(connection)
                for line in variant.ddl:
                    connection.execute(line.encode())
                connection.execute("vacuum analyze")
                made.append(replace(variant, megabytes=(_index_bytes(connection) - before) / 1e6))
        yield made
    finally:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            for variant in variants:
                connection.execute(f'drop database if exists "{_copy(application, variant)}"')


def _copy(application: Application, variant: Variant) -> str:
    return f"{application.name}_{variant.name}"


def _index_bytes(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(
        "select coalesce(sum(pg_relation_size(indexrelid)), 0)::bigint from pg_stat_user_indexes"
    ).fetchone()
    assert row is not None
    return int(row[0])


def measure(
    cluster: Cluster, application: Application, variants: Sequence[Variant], rounds: int
) -> dict[str, Measured]:
    """Run every statement in all variants in turn, with the same values; return the medians over the rounds."""
    draw = random.Random(11)
    samples: dict[str, dict[str, list[float]]] = {variant.name: {} for variant in variants}
    with ExitStack() as stack:
        own = {
            variant.name: stack.enter_context(
                psycopg.connect(cluster.dsn(_copy(application, variant)), autocommit=True, prepare_threshold=None)
            )
            for variant in variants
        }
        control = stack.enter_context(psycopg.connect(cluster.dsn(application.name), autocommit=True))
        updates = dict.fromkeys(own, (0, 0))
        first = next(iter(own.values()))
        for shape in application.statements:
            pools = pools_of(first, shape)
            chosen = [
                {name: draw.choice(pool) for name, pool in pools.items()} for _ in range(min(_DRAWS, shape.calls))
            ]
            kept = shape.transaction != "rollback" and " set " in shape.sql.lower()
            before = {name: _hot(connection) for name, connection in own.items()} if kept else {}
            for turn in range(rounds + 1):  # the first warms the caches
                for name, mean in _one_round(control, own, application.name, shape, chosen).items():
                    if turn:
                        samples[name].setdefault(shape.name, []).append(mean)
            for name, (all_before, hot_before) in before.items():
                all_after, hot_after = _hot(own[name])
                counted, hot = updates[name]
                updates[name] = counted + all_after - all_before, hot + hot_after - hot_before
    return {
        name: Measured(
            {shape: statistics.median(means) for shape, means in found.items()},
            updates[name][1] / max(1, updates[name][0]),
        )
        for name, found in samples.items()
    }


def _one_round(
    control: psycopg.Connection[Any],
    own: dict[str, psycopg.Connection[Any]],
    database: str,
    shape: Shape,
    chosen: Sequence[dict[str, Any]],
) -> dict[str, float]:
    """Return mean milliseconds per call by variant."""
    copies = [f"{database}_{name}" for name in own]
    # The counters of the application itself are what the advice was made from: they stay.
    control.execute("select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = any(%s)", (copies,))
    spent = dict.fromkeys(own, 0.0)
    for values in chosen:
        for name, connection in own.items():
            if spent[name] > _SLOW_SECONDS:
                continue
            started = time.perf_counter()
            with connection.transaction(force_rollback=shape.transaction == "rollback"):
                connection.execute(shape.sql.encode(), values or None)
            spent[name] += time.perf_counter() - started
    rows = control.execute(
        "select d.datname, sum(s.total_exec_time + s.total_plan_time) / max(s.calls) from pg_stat_statements s "
        "join pg_database d on d.oid = s.dbid where s.query !~* '^(begin|commit|rollback|savepoint|release)' "
        "and d.datname = any(%s) group by 1",
        (copies,),
    ).fetchall()
    return {name.removeprefix(f"{database}_"): float(mean) for name, mean in rows}


def _hot(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return the updates of rows so far, and how many of them were HOT."""
    if connection.info.server_version >= 150000:
        connection.execute("select pg_stat_force_next_flush()")
    row = connection.execute("select sum(n_tup_upd), sum(n_tup_hot_upd) from pg_stat_user_tables").fetchone()
    assert row is not None
    return int(row[0] or 0), int(row[1] or 0)


def total(application: Application, measured: Measured) -> float:
    """Return the seconds of the whole workload."""
    return sum(shape.calls * measured.means.get(shape.name, 0.0) for shape in application.statements) / 1000


def show(application: Application, expected: Expected, variants: Sequence[Variant], found: dict[str, Measured]) -> None:
    """Print the table of one application."""
    dba = found["dba"]
    base = total(application, dba)
    print(f"\n{application.name}: {len(application.statements)} statements, {len(expected.listed)} indexes listed")
    print("  indexes           real s   of the list's   built MB   HOT   advice s")
    for variant in variants:
        seconds = total(application, found[variant.name])
        print(
            f"  {variant.name:16} {seconds:7.3f} {seconds / base:12.2f}    {variant.megabytes:9.1f} "
            f"{found[variant.name].hot:6.0%} {variant.seconds:9.1f}"
        )
    for variant in variants:
        if variant.name in ("none", "dba") or variant.name.startswith(("price", "most")):
            continue
        slower = []
        for shape in application.statements:
            theirs, ours = dba.means.get(shape.name, 0.0), found[variant.name].means.get(shape.name, 0.0)
            lost = shape.calls * (ours - theirs) / 1000
            if ours > _SLOWER * theirs and lost > 0.002 * base:
                slower.append((lost, f"{shape.name}: {theirs:.3f} -> {ours:.3f} ms x {shape.calls}"))
        for lost, line in sorted(slower, reverse=True)[:8]:
            print(f"    {variant.name} slower than the list by {lost:.3f} s: {line}")


def show_list(name: str, expected: Expected, keys: Sequence[Key]) -> None:
    """Print what of the list is missing, and what it forbids."""
    gone = missing(expected, keys)
    print(f"  {name}: {len(expected.listed) - len(gone)} of {len(expected.listed)} listed, {len(keys)} proposed")
    for one in gone:
        print(f"    missing: {one.ddl}")
    for key, never in harmful(expected, keys):
        print(f"    HARMFUL: {key.table} {key.columns} {key.included} {key.predicate}: {never.reason}")


def show_drops(expected: Expected, found: Sequence[str]) -> None:
    """Print how the drops differ from the list's."""
    listed = [name.rpartition(".")[2].strip('"') for name in expected.drops]
    for name in sorted(set(listed) - set(found)):
        print(f"    not dropped: {name}")
    for name in sorted(set(found) - set(listed)):
        print(f"    dropped beside the list: {name}")


def run(cluster: Cluster, name: str, arguments: argparse.Namespace) -> None:
    application, list_path = application_named(name)
    expected = read_expected(list_path)
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(TemporaryDirectory()))
        run_in(cluster, application, expected, folder, arguments)


def run_in(
    cluster: Cluster, application: Application, expected: Expected, folder: Path, arguments: argparse.Namespace
) -> None:
    dsn, constants = load(cluster, application, arguments.scale, folder)
    options = SearchOptions(
        fixed_price=SearchOptions().fixed_price * arguments.price,
        size_price=SearchOptions().size_price * arguments.price,
    )
    plain, plain_seconds = advice_of(dsn, options)
    told, told_seconds = advice_of(dsn, options, (constants,))
    variants = [
        Variant("none", ()),
        Variant("dba", expected.script),
        Variant("ours", script_of(plain), seconds=plain_seconds),
        Variant("ours_constants", script_of(told), seconds=told_seconds),
    ]
    for factor in (1 / 3, 3) if arguments.thirds else ():
        other = replace(options, fixed_price=factor * options.fixed_price, size_price=factor * options.size_price)
        advice, seconds = advice_of(dsn, other)
        variants.append(Variant(f"price_x{factor:.2g}", script_of(advice), seconds=seconds))
    for most in arguments.max_indexes:
        advice, seconds = advice_of(dsn, replace(options, max_indexes=most))
        variants.append(Variant(f"most_{most}", script_of(advice), seconds=seconds))
    if arguments.show:
        for label, advice in (("ours", plain), ("ours_constants", told)):
            for proposal in advice.create:
                print(f"    {label}: {proposal.ddl.partition(' ON ')[2]}  {proposal.size_bytes / 1e6:.1f} MB")
            for drop in advice.drop:
                print(f"    {label}: {drop.ddl}")
    for label, advice in (("from pg_stat_statements", plain), ("with constants", told)):
        show_list(label, expected, keys_of(advice.create))
        show_drops(expected, [drop.index.name for drop in advice.drop])
    if not arguments.advice_only:
        with built(cluster, application, variants) as done:
            show(application, expected, done, measure(cluster, application, done, arguments.rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="applications; all of them by default")
    parser.add_argument("--heldout", action="store_true", help="the applications nothing was tuned on")
    parser.add_argument("--major", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=0.5, help="of the calls, for pg_stat_statements")
    parser.add_argument("--price", type=float, default=1.0, help="times the price of an index")
    parser.add_argument(
        "--thirds", action="store_true", help="also with a third of that price, and with three times it"
    )
    parser.add_argument("--max-indexes", type=int, nargs="*", default=[], help="also with at most so many indexes")
    parser.add_argument("--folder", type=Path, help="for the files with constants")
    parser.add_argument("--advice-only", action="store_true", help="compare with the list, run nothing")
    parser.add_argument("--show", action="store_true", help="print every proposal")
    arguments = parser.parse_args()
    held_out = sorted(path.stem for path in HELD_OUT.glob("*.sql"))
    binaries = binaries_for(arguments.major)
    assert binaries is not None, f"PostgreSQL {arguments.major} is not installed"
    settings = SERVER_SETTINGS | {
        "pg_stat_statements.track_planning": "on", "max_wal_size": "4GB", "shared_buffers": "1GB", "jit": "off",
    }  # fmt: skip
    with start_cluster(binaries, settings) as cluster:
        for name in arguments.names or (held_out if arguments.heldout else APPLICATIONS):
            run(cluster, name, arguments)


if __name__ == "__main__":
    main()
