"""What the release notes of 14 to 18 say of things that this database has. Pure: a snapshot in, notes out.

Sources: the sections "Migration to Version N" of the release notes, and what pg_upgrade --check refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from advisor.model.snapshot import Snapshot
from advisor.model.upgrade import UpgradeNote

# Types that hold OIDs of objects: pg_upgrade refuses them, the OIDs are others afterwards.
_REG_TYPES = frozenset(
    {
        "regproc", "regprocedure", "regoper", "regoperator", "regconfig", "regdictionary", "regnamespace",
        "regcollation",
    }
)  # fmt: skip
_GONE_EXTENSIONS = {17: ("adminpack", "old_snapshot"), 15: ("plpython2u", "plpythonu")}
_INSTALLED = 20  # objects named at most


@dataclass(frozen=True, slots=True)
class _Words:
    """Names that stop meaning what they do with `major`, looked for in functions, views and statements."""

    major: int
    pattern: str
    severity: str
    title: str
    detail: str
    near: str = ""  # stands in the same text


_WORDS = (
    _Words(14, r"\b(?:array_append|array_prepend|array_cat|array_positions?|array_remove|array_replace|width_bucket)\b",
           "high", "Aggregates or operators on array functions that change their arguments in 14",
           "pg_upgrade refuses them: drop them before and create them again afterwards (anycompatiblearray)."),
    _Words(15, r"\bpg_(?:start|stop)_backup\b|\bpg_is_in_backup\b|\bpg_backup_start_time\b", "medium",
           "Exclusive backup functions are gone in 15", "Use pg_backup_start() and pg_backup_stop() in one session."),
    _Words(16, r"\bforce_parallel_mode\b", "low", "force_parallel_mode is called debug_parallel_query from 16 on",
           "Rename it where it is set."),
    _Words(17, r"\bblk_(?:read|write)_time\b", "medium",
           "pg_stat_statements renames blk_read_time and blk_write_time in 17",
           "They are shared_blk_read_time and shared_blk_write_time after ALTER EXTENSION … UPDATE; views and exporters"
           " that read them must change (pg_stat_database keeps the old names).",
           near="pg_stat_statements"),
    _Words(17, r"\bbuffers_backend(_fsync)?\b|\bcheckpoints_(timed|req)\b|\bcheckpoint_(write|sync)_time\b", "medium",
           "pg_stat_bgwriter loses its columns about checkpoints in 17",
           "Read pg_stat_checkpointer, and pg_stat_io for what backends wrote.", near="pg_stat_bgwriter"),
    _Words(17, r"\b(?:max|num)_dead_tuples\b", "low", "pg_stat_progress_vacuum renames its columns in 17",
           "They are max_dead_tuple_bytes, dead_tuple_bytes and num_dead_item_ids."),
    _Words(18, r"\bop_bytes\b|\bwal_write_time\b|\bwal_sync_time\b", "low",
           "pg_stat_io and pg_stat_wal lose columns in 18",
           "Bytes are in read_bytes, write_bytes and extend_bytes; writing and syncing of WAL is in pg_stat_io."),
)  # fmt: skip


def upgrade_notes(snapshot: Snapshot, to: int) -> Iterator[UpgradeNote]:
    """Yield what an upgrade to `to` means for the objects of the snapshot, what stops pg_upgrade first."""
    now = snapshot.server.major
    yield from _stored_oids(snapshot, now, to)
    yield from _extensions(snapshot, now, to)
    yield from _by_words(snapshot, now, to)
    if now < 14 <= to:
        yield from _to_14(snapshot)
    if now < 15 <= to:
        yield from _to_15(snapshot)
    if now < 16 <= to:
        yield from _to_16(snapshot)
    if now < 17 <= to:
        yield from _to_17(snapshot)
    if now < 18 <= to:
        yield from _to_18(snapshot)
    yield from _statistics(snapshot, to)
    yield from _collations(snapshot)


def _note(severity: str, title: str, objects: Iterable[str], detail: str) -> UpgradeNote:
    names = sorted(dict.fromkeys(objects))
    more = (f"and {len(names) - _INSTALLED} more",) if len(names) > _INSTALLED else ()
    return UpgradeNote(severity=severity, title=title, objects=(*names[:_INSTALLED], *more), detail=detail)


def _columns_of(snapshot: Snapshot, types: Iterable[str]) -> list[str]:
    wanted = frozenset(types)
    return [
        f"{column.table}.{column.name}"
        for column in snapshot.columns
        if column.base_type.schema == "pg_catalog" and column.base_type.name.removeprefix("_") in wanted
    ]


def _stored_oids(snapshot: Snapshot, now: int, to: int) -> Iterator[UpgradeNote]:
    if columns := _columns_of(snapshot, _REG_TYPES):
        yield _note("high", "Columns of types that hold OIDs", columns,
                    "pg_upgrade refuses them, since the objects have other OIDs afterwards: change them to text first"
                    " (regclass, regrole and regtype may stay). A dump and restore keeps them.")  # fmt: skip
    if now < 16 <= to and (columns := _columns_of(snapshot, ("aclitem",))):
        yield _note("high", "Columns of type aclitem", columns,
                    "Its format changes with 16, and pg_upgrade refuses it: change them to text first.")  # fmt: skip


def _extensions(snapshot: Snapshot, now: int, to: int) -> Iterator[UpgradeNote]:
    installed = [e for e in snapshot.extensions if e.version]
    for major, names in _GONE_EXTENSIONS.items():
        gone = [e.name for e in installed if e.name in names]
        if gone and now < major <= to:
            yield _note("high", f"Extensions that {major} no longer has", gone,
                        "pg_upgrade refuses while they are installed: DROP EXTENSION first"
                        + (" (functions in Python 2 become plpython3u)." if major == 15 else "."))  # fmt: skip
    outdated = [e.name for e in installed if e.default_version and e.version != e.default_version]
    if outdated:
        yield _note("low", "Extensions older than their software", outdated,
                    "Run ALTER EXTENSION … UPDATE before and after the upgrade.")  # fmt: skip
    foreign = [e.name for e in installed if e.name not in _CONTRIB and e.name != "plpgsql"]
    if foreign:
        yield _note("medium", f"Extensions that must be installed for {to} as well", foreign,
                    "pg_upgrade stops where a library is missing; check that each has a release for the new major,"
                    " and the same or a newer version.")  # fmt: skip


# What comes with PostgreSQL itself.
_CONTRIB = frozenset(
    """
    amcheck autoinc bloom bool_plperl btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw
    fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache
    pg_freespacemap pg_logicalinspect pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect
    pgcrypto pgrowlocks pgstattuple plperl plperlu plpython3u pltcl pltclu postgres_fdw refint seg sslinfo tablefunc
    tcn tsm_system_rows tsm_system_time unaccent uuid-ossp xml2 adminpack old_snapshot plpython2u plpythonu
    """.split()  # noqa: SIM905 (a list of one string per line would be 50 lines)
)


def _by_words(snapshot: Snapshot, now: int, to: int) -> Iterator[UpgradeNote]:
    texts = [
        (f"{item.kind} {item.schema}.{item.name}", item.ddl, item.kind)
        for item in snapshot.schema_objects
        if item.extension is None
    ]
    for words in _WORDS:
        if not now < words.major <= to:
            continue
        pattern = re.compile(words.pattern, re.IGNORECASE)
        kinds = ("aggregate", "operator") if words.major == 14 else None
        found = [
            name for name, ddl, kind in texts
            if (kinds is None or kind in kinds) and words.near in ddl and pattern.search(ddl)
        ]  # fmt: skip
        # What pgadvise itself asked knows every major; what was created is among the objects.
        asked = kinds is None and any(
            row.query and words.near in row.query and not _OTHERS.search(row.query) and pattern.search(row.query)
            for row in snapshot.statements
        )
        if found or asked:
            objects = [*found, *(["statements of the workload"] if asked else [])]
            yield _note(words.severity, words.title, objects, words.detail)


def _to_14(snapshot: Snapshot) -> Iterator[UpgradeNote]:
    postfix = [
        f"{item.schema}.{item.name}"
        for item in snapshot.schema_objects
        if item.kind == "operator" and item.extension is None and "rightarg" not in item.ddl.lower()
    ]
    if postfix:
        yield _note(
            "high", "Postfix operators are gone in 14", postfix, "pg_upgrade refuses them: make functions of them."
        )
    cleaned = [
        str(index.relation) for index in snapshot.indexes
        if any(option.startswith("vacuum_cleanup_index_scale_factor") for option in index.reloptions)
    ]  # fmt: skip
    if cleaned:
        yield _note("medium", "Index option vacuum_cleanup_index_scale_factor is gone in 14", cleaned,
                    "ALTER INDEX … RESET (vacuum_cleanup_index_scale_factor).")  # fmt: skip


def _to_15(snapshot: Snapshot) -> Iterator[UpgradeNote]:
    if any(schema.name == "public" and schema.can_create_public for schema in snapshot.schemas):
        yield _note("medium", "Everybody may still create objects in the schema public", ["public"],
                    "New clusters of 15 and later take that right away; a database upgraded with pg_upgrade keeps it."
                    " Decide which you want: REVOKE CREATE ON SCHEMA public FROM PUBLIC.")  # fmt: skip


def _to_16(snapshot: Snapshot) -> Iterator[UpgradeNote]:
    makers = [role.name for role in snapshot.roles if role.create_role and not role.superuser]
    if makers:
        detail = (
            "From 16 on they only grant, change and drop roles that they hold WITH ADMIN OPTION: grant them the roles"
            " they look after (GRANT role TO maker WITH ADMIN OPTION); of roles they create themselves they have it."
        )
        yield _note("medium", "CREATEROLE alone no longer manages other roles in 16", makers, detail)


def _to_17(snapshot: Snapshot) -> Iterator[UpgradeNote]:
    own = {item.name for item in snapshot.schema_objects if item.kind == "function" and item.extension is None}
    without = {
        item.name for item in snapshot.schema_objects
        if item.kind == "function" and item.extension is None and "search_path" not in item.ddl.lower()
    }  # fmt: skip
    called = re.compile(rf"\b({'|'.join(map(re.escape, sorted(without)))})\(") if own and without else None
    if called is None:
        return
    used = [
        str(index.relation) for index in snapshot.indexes
        if called.search(" ".join([index.predicate or "", *(column.key for column in index.columns)]))
    ]  # fmt: skip
    used += [
        f"{item.schema}.{item.name}" for item in snapshot.schema_objects
        if item.kind in ("matview", "materialized view") and called.search(item.ddl)
    ]  # fmt: skip
    if used:
        yield _note("medium", "Functions in indexes or materialized views without a search_path of their own", used,
                    "From 17 on, index builds, REFRESH, ANALYZE and the like run with a safe search_path: a function"
                    " that needs another must be created with SET search_path.")  # fmt: skip


def _to_18(snapshot: Snapshot) -> Iterator[UpgradeNote]:
    settings = {setting.name: setting.setting for setting in snapshot.settings}
    unlogged = [str(table.relation) for table in snapshot.tables if table.kind == "p" and table.persistence == "u"]
    if unlogged:
        yield _note("high", "Unlogged partitioned tables are refused from 18 on", unlogged,
                    "Make the parent logged; its partitions may stay unlogged.")  # fmt: skip
    if settings.get("data_checksums") != "on":
        yield _note("info", "New clusters of 18 have data checksums, this one has none", [],
                    "pg_upgrade needs the same on both sides: run initdb with --no-data-checksums, or enable checksums"
                    " in the old cluster first (pg_checksums, while it is stopped).")  # fmt: skip
    if settings.get("password_encryption") == "md5":
        yield _note("medium", "Passwords are stored as MD5, which 18 calls deprecated", ["setting:password_encryption"],
                    "Set password_encryption = 'scram-sha-256', let everybody set the password anew, and change md5 to"
                    " scram-sha-256 in pg_hba.conf.")  # fmt: skip
    if snapshot.server.locale_provider != "c":
        searched = [
            str(index.relation) for index in snapshot.indexes
            if any(re.search("tsvector|trgm_ops", f"{column.key} {column}") for column in index.columns)
        ]  # fmt: skip
        if searched:
            yield _note("medium", "Text search follows the database's locale provider from 18 on", searched,
                        "REINDEX these after pg_upgrade: words may be folded otherwise.")  # fmt: skip
    copies = [row.query for row in snapshot.statements if row.query and _COPY_CSV.search(row.query)]
    if copies:
        yield _note("info", "COPY FROM of CSV files no longer ends at a line \\.", ["statements of the workload"],
                    "Only FROM STDIN still does; files that carry data after it are read to their end.")  # fmt: skip


_OTHERS = re.compile(r"pgadvise|^\s*create\b", re.IGNORECASE)
_COPY_CSV = re.compile(r"^\s*copy\b.*\bfrom\s+'.*\bcsv\b", re.IGNORECASE | re.DOTALL)


def _statistics(snapshot: Snapshot, to: int) -> Iterator[UpgradeNote]:
    if to < 18:
        yield _note("info", "pg_upgrade brings no planner statistics", [],
                    "Run vacuumdb --all --analyze-in-stages at once; until then plans are guesses.")  # fmt: skip
    elif snapshot.extended_statistics:
        yield _note("low", "Extended statistics are not carried over",
                    [f"{row.schema}.{row.name}" for row in snapshot.extended_statistics],
                    "pg_upgrade to 18 keeps the columns' statistics, not these: vacuumdb --all --analyze-in-stages"
                    " --missing-stats-only.")  # fmt: skip


def _collations(snapshot: Snapshot) -> Iterator[UpgradeNote]:
    if snapshot.server.lc_collate in ("C", "POSIX") and snapshot.server.locale_provider == "c":
        return
    provider = "ICU" if snapshot.server.locale_provider == "i" else "the C library"
    if snapshot.server.locale_provider != "b":
        yield _note("info", f"Texts are sorted by {provider}", [],
                    "If the new server runs on another release of the system, compare collversion in pg_collation and"
                    " pg_database, and REINDEX indexes on text where it differs.")  # fmt: skip
