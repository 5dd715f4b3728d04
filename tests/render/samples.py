# ruff: noqa: E501 (sample texts read better unbroken)
"""Reports made by hand: a rich one, a healthy one, an empty one, a hostile one, a huge one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from advisor.model.finding import Confidence, Finding, Remedy, Severity
from advisor.model.names import RelationName
from advisor.model.report import (
    Fidelity,
    IndexAdvice,
    IndexDrop,
    IndexProposal,
    IndexRejection,
    RelationSize,
    Report,
    RetentionStatus,
    SettingProposal,
    SettingsAdvice,
    Skipped,
    StatementEffect,
    StatementSummary,
)
from advisor.model.snapshot import Gap
from advisor.model.workload import UnusableStatement
from tests.render.sample_changes import changes

NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
GB, MB = 1 << 30, 1 << 20

HOSTILE = 'x</pre><script>alert(1)</script>|`**b**` "q"\n# H\r\n| a |\x1b[31mred\x07\u202e\ud83d @everyone'.replace(
    "\ud83d", "é"
)
LATEST = (
    'SELECT latitude, longitude, accuracy, "timestamp" FROM geolocation_data '
    'WHERE student_id = $1 ORDER BY "timestamp" DESC LIMIT $2'
)
LOGIN = "SELECT id, password_hash, role FROM users WHERE lower(email) = lower($1) AND active"
UNREAD = "SELECT count(*) FROM notifications WHERE user_id = $1 AND NOT is_read"
PURGE = "DELETE FROM sessions WHERE expires_at < now() - interval '30 days'"


def relation(name: str, schema: str = "public") -> RelationName:
    return RelationName(schema, name)


def effect(fingerprint: str, query: str, calls: float, before: float, after: float) -> StatementEffect:
    return StatementEffect(fingerprint=fingerprint, query=query, calls=calls, cost_before=before, cost_after=after)


def statement(
    fingerprint: str, query: str, calls: float, mean: float, share: float, before: float | None, after: float | None
) -> StatementSummary:
    return StatementSummary(
        fingerprint=fingerprint,
        query=query,
        calls=calls,
        total_exec_time=calls * mean,
        mean_exec_time=mean,
        rows=calls * 3,
        share=share,
        cost_before=before,
        cost_after=after,
    )


def proposals() -> tuple[IndexProposal, ...]:
    geo, users, notes = relation("geolocation_data"), relation("users"), relation("notifications")
    return (
        IndexProposal(
            ddl="CREATE INDEX CONCURRENTLY geolocation_data_student_id_timestamp_idx ON public.geolocation_data "
            'USING btree (student_id, "timestamp" DESC)',
            undo_ddl="DROP INDEX CONCURRENTLY public.geolocation_data_student_id_timestamp_idx",
            table=geo,
            name="geolocation_data_student_id_timestamp_idx",
            method="btree",
            columns=("student_id", '"timestamp" DESC'),
            size_bytes=214 * MB,
            cost_before=9.2e9,
            cost_after=1.1e7,
            statements=(
                effect("a1", LATEST, 184_220, 48_211.75, 8.46),
                effect("a2", LATEST.replace("LIMIT $2", ""), 900, 51_000, 310),
            ),
            hurt=(
                effect(
                    "a9", "INSERT INTO geolocation_data (student_id, latitude) VALUES ($1, $2)", 1_200_000, 0.01, 0.012
                ),
            ),
            write_cost=2.1e7,
            reason='Serves WHERE student_id = $1 and ORDER BY "timestamp" DESC LIMIT without a sort: the newest rows '
            "of a student are read from one end of the index instead of all 9.8 million rows.",
            evidence="statistics of 138 statements",
            build_class="about 40 s",
        ),
        IndexProposal(
            ddl="CREATE INDEX CONCURRENTLY users_lower_email_idx ON public.users (lower((email)::text)) WHERE active",
            undo_ddl="DROP INDEX CONCURRENTLY public.users_lower_email_idx",
            table=users,
            name="users_lower_email_idx",
            method="btree",
            columns=("lower((email)::text)",),
            size_bytes=1_310_720,
            cost_before=4.1e8,
            cost_after=2.0e5,
            statements=(effect("b1", LOGIN, 52_104, 912.5, 8.3),),
            hurt=(),
            write_cost=120.0,
            reason="Login looks up lower(email); no index has that expression, so every login reads the whole table.",
            confidence="medium",
            evidence="literal values seen in pg_stat_activity",
            build_class="under a second",
            after_ddl=("ANALYZE public.users",),
            replaces=("public.users_email_idx",),
        ),
        IndexProposal(
            ddl="CREATE INDEX CONCURRENTLY notifications_user_id_idx ON public.notifications (user_id) WHERE NOT is_read",
            undo_ddl="DROP INDEX CONCURRENTLY public.notifications_user_id_idx",
            table=notes,
            name="notifications_user_id_idx",
            method="btree",
            columns=("user_id",),
            size_bytes=6 * MB,
            cost_before=2.2e7,
            cost_after=9.0e5,
            statements=(effect("c1", UNREAD, 230_000, 95.2, 4.1),),
            hurt=(),
            write_cost=4000.0,
            reason="4 % of the rows are unread: a partial index holds only those and is 25 times smaller.",
            build_class="about 2 s",
        ),
    )


def drops() -> tuple[IndexDrop, ...]:
    return (
        IndexDrop(
            ddl="DROP INDEX CONCURRENTLY public.attendance_date_idx",
            undo_ddl="CREATE INDEX CONCURRENTLY attendance_date_idx ON public.attendance USING btree (date)",
            index=relation("attendance_date_idx"),
            table=relation("attendance"),
            reason="attendance_date_class_id_idx (date, class_id) begins with the same column.",
            kind="redundant",
            size_bytes=88 * MB,
            checked=138,
        ),
        IndexDrop(
            ddl="DROP INDEX CONCURRENTLY public.sessions_user_agent_idx",
            undo_ddl="CREATE INDEX CONCURRENTLY sessions_user_agent_idx ON public.sessions USING btree (user_agent)",
            index=relation("sessions_user_agent_idx"),
            table=relation("sessions"),
            reason="Not scanned once in the 38 days of the statistics.",
            kind="unused",
            size_bytes=340 * MB,
            confidence="medium",
            checked=138,
        ),
        IndexDrop(
            ddl="DROP INDEX CONCURRENTLY public.homework_title_idx",
            undo_ddl="CREATE INDEX CONCURRENTLY homework_title_idx ON public.homework USING btree (title)",
            index=relation("homework_title_idx"),
            table=relation("homework"),
            reason="Not scanned once in the 38 days of the statistics.",
            kind="unused",
            size_bytes=12 * MB,
            confidence="medium",
            checked=138,
        ),
    )


def setting(
    name: str, current: str, proposed: str, reason: str, *, restart: bool = False, severity: str = "medium"
) -> SettingProposal:
    return SettingProposal(
        name=name,
        current=current,
        current_source="configuration file",
        proposed=proposed,
        reason=reason,
        restart=restart,
        apply_sql=(f"ALTER SYSTEM SET {name} = '{proposed}'", "SELECT pg_reload_conf()"),
        undo_sql=(f"ALTER SYSTEM SET {name} = '{current}'", "SELECT pg_reload_conf()"),
        severity=severity,
    )


def settings_advice() -> SettingsAdvice:
    return SettingsAdvice(
        proposals=(
            setting(
                "shared_buffers",
                "128MB",
                "2GB",
                "25 % of RAM; the cache hit ratio is 91 % and 9.4 GB of tables are read.",
                restart=True,
            ),
            setting(
                "work_mem",
                "64MB",
                "10MB",
                "200 connections × 64MB × 2 is 25 GB, three times the RAM: under load the server is killed.",
                severity="high",
            ),
            setting("random_page_cost", "4", "1.1", "The storage is an SSD; 4 keeps the planner from using indexes."),
        ),
        worst_case_bytes_now=27 * GB,
        worst_case_bytes_proposed=7 * GB,
        memory_now=(
            ("shared_buffers", GB // 8),
            ("work_mem", 25 * GB),
            ("connections", GB),
            ("autovacuum", GB * 3 // 4),
            ("maintenance_work_mem", GB // 8),
        ),
        memory_proposed=(
            ("shared_buffers", 2 * GB),
            ("work_mem", 3 * GB),
            ("connections", GB),
            ("autovacuum", GB * 3 // 4),
            ("maintenance_work_mem", GB // 4),
        ),
        ram_bytes=8 * GB,
        ram_source="--ram",
        cores=4,
        cores_source="--cores",
        profile="web",
        notes=("max_connections 200 with a pool of 50: PgBouncer in transaction mode would serve 3,500 users.",),
        refused=(("wal_buffers", "16MB is what -1 gives at 2GB of shared_buffers"),),
    )


def retention() -> tuple[RetentionStatus, ...]:
    return (
        RetentionStatus(
            table=relation("geolocation_data"),
            rule="ret.overdue",
            severity="high",
            policy="90 days (default for geolocation tables)",
            policy_is_default=True,
            time_column="timestamp",
            oldest=NOW - timedelta(days=402),
            oldest_source="min() by index",
            expired_rows=7_412_000,
            expired_bytes=int(1.2 * GB),
            enforcement="nothing found: no pg_cron job, no DELETE in the statements, no partitions",
            detail="The oldest row is 402 days old; 76 % of the table is past its window and is personal data.",
            window_days=90,
            sql=(
                "-- repeat until it deletes nothing\nDELETE FROM public.geolocation_data\nWHERE ctid = ANY (ARRAY(\n"
                "    SELECT ctid FROM public.geolocation_data\n"
                "    WHERE \"timestamp\" < now() - interval '90 days' LIMIT 5000))",
            ),
        ),
        RetentionStatus(
            table=relation("geolocation_data"),
            rule="ret.no_enforcement",
            severity="high",
            policy="90 days (default for geolocation tables)",
            policy_is_default=True,
            time_column="timestamp",
            oldest=NOW - timedelta(days=402),
            oldest_source="min() by index",
            expired_rows=7_412_000,
            expired_bytes=int(1.2 * GB),
            enforcement="nothing found: no pg_cron job, no DELETE in the statements, no partitions",
            detail="Nothing was found that deletes old rows.",
        ),
        RetentionStatus(
            table=relation("sessions"),
            rule="ret.ok",
            severity="info",
            policy="30 days",
            policy_is_default=False,
            time_column="expires_at",
            oldest=NOW - timedelta(days=29),
            oldest_source="histogram bound",
            expired_rows=0,
            expired_bytes=0,
            enforcement="pg_cron job 3, daily",
            detail="Within its window.",
            window_days=30,
        ),
        RetentionStatus(
            table=relation("Notifications Archive", "app"),
            rule="ret.overdue",
            severity="medium",
            policy="6 months",
            policy_is_default=False,
            time_column="created_at",
            oldest=NOW - timedelta(days=260),
            oldest_source="histogram bound",
            expired_rows=None,
            expired_bytes=None,
            enforcement="unknown: cron.job cannot be read",
            detail="The oldest row is 260 days old; the window is 6 months.",
        ),
    )


def findings() -> tuple[Finding, ...]:
    keys = tuple(
        Finding(
            rule="indexes/foreign_key_without_index",
            severity=Severity.MEDIUM,
            confidence=Confidence.HIGH,
            title=f"Foreign key of {table} has no index",
            object=f"public.{table}",
            detail=f"Every DELETE of a class reads all of {table}, and holds its locks for that long.",
            evidence={"rows": 120_000, "constraint": f"{table}_class_id_fkey"},
            remedy=Remedy(
                sql=(f"CREATE INDEX CONCURRENTLY {table}_class_id_idx ON public.{table} (class_id)",),
                undo_sql=(f"DROP INDEX CONCURRENTLY public.{table}_class_id_idx",),
                lock="SHARE UPDATE EXCLUSIVE, about 1 s",
            ),
        )
        for table in ("grades", "homework", "schedules")
    )
    return (
        Finding(
            rule="vacuum/wraparound_near",
            severity=Severity.CRITICAL,
            confidence=Confidence.HIGH,
            title="Transaction IDs of table audit_log are 91 % used up",
            object="public.audit_log",
            detail="At 100 % the server refuses all writes until a manual VACUUM. At the present rate that is in 6 days.",
            evidence={"age": 1_950_000_000, "limit": 2_146_483_647, "used": Decimal("0.908"), "since": NOW},
            remedy=Remedy(
                sql=("VACUUM (FREEZE, VERBOSE) public.audit_log",),
                lock="SHARE UPDATE EXCLUSIVE: reads and writes go on",
                note="Reads all 12 GB of it.",
            ),
        ),
        *keys,
        Finding(
            rule="security/public_schema_create",
            severity=Severity.LOW,
            confidence=Confidence.HIGH,
            title="Everybody may create objects in schema public",
            object="schema:public",
            detail="A function placed there can be run with other roles' rights.",
            remedy=Remedy(
                sql=("REVOKE CREATE ON SCHEMA public FROM PUBLIC",),
                undo_sql=("GRANT CREATE ON SCHEMA public TO PUBLIC",),
            ),
        ),
        Finding(
            rule="server/minor_release",
            severity=Severity.INFO,
            confidence=Confidence.MEDIUM,
            title="A newer minor release exists",
            object="server",
            detail="15.18 runs; minor releases bring fixes only.",
        ),
    )


def workload() -> tuple[StatementSummary, ...]:
    return (
        statement("a1", LATEST, 184_220, 120.4, 0.62, 48_211.75, 8.46),
        statement("b1", LOGIN, 52_104, 41.0, 0.118, 912.5, 8.3),
        statement("c1", UNREAD, 230_000, 4.2, 0.054, 95.2, 4.1),
        replace(
            statement("d1", PURGE, 38, 2_811, 0.004, 2_210.0, 2_210.0), notes=("values taken from the statistics",)
        ),
        replace(
            statement("e1", "SELECT * FROM grades WHERE class_id = ANY($1)", 11, 0.031, 0.0004, None, None), rows=None
        ),
    )


def rich_report() -> Report:
    """The school application with something of everything."""
    return Report(
        tool_version="0.1.0",
        generated_at=NOW + timedelta(minutes=1),
        version_num=150018,
        version="15.18 (Debian 15.18-0+deb12u1)",
        database="school",
        provider="self-hosted",
        since=NOW - timedelta(days=38),
        until=NOW,
        database_size_bytes=int(9.4 * GB),
        findings=findings(),
        indexes=IndexAdvice(
            create=proposals(),
            drop=drops(),
            rejected=(
                IndexRejection(
                    ddl="CREATE INDEX ON public.products (active)",
                    reason="active is true for 97 % of the rows: the planner would not use it",
                ),
                IndexRejection(
                    ddl="CREATE INDEX ON public.presence (last_seen)",
                    reason="every heartbeat changes last_seen: HOT updates would be lost",
                ),
            ),
            cost_before=9.7e9,
            cost_after=9.3e7,
            cost_bound=8.8e7,
            statements=138,
            unusable=(
                UnusableStatement(
                    text="BEGIN",
                    calls=900_000,
                    total_exec_time=12.0,
                    reason="transaction control",
                    category="transaction",
                ),
                UnusableStatement(
                    text="SELECT * FROM geolocation_da",
                    calls=3,
                    total_exec_time=9.0,
                    reason="truncated text",
                    category="unparsable",
                ),
            ),
            candidates=61,
            plans_asked=2_140,
            planner="twin (15.18)",
        ),
        settings=settings_advice(),
        retention=retention(),
        gaps=(
            Gap(
                what="pg_stat_wal",
                why="permission denied for role app_ro",
                fix="GRANT pg_monitor TO app_ro",
                costs="WAL settings are not judged",
            ),
            Gap(what="host", why="the server is on another machine", fix="Give --storage ssd|nvme|hdd|san."),
        ),
        skipped=(Skipped(rule="replication/slot_inactive", why="needs pg_monitor"),),
        passed=tuple(f"rule/{n}" for n in range(17)),
        fidelity=Fidelity(
            planner="twin",
            server_version="15.18",
            twin_version="15.18",
            compared=138,
            exact=137,
            same_shape=138,
            worst_error=0.0021,
        ),
        workload=workload(),
        sizes=(
            RelationSize(
                relation=relation("geolocation_data"),
                heap_bytes=int(1.6 * GB),
                index_bytes=420 * MB,
                toast_bytes=0,
                rows=9_800_000,
            ),
            RelationSize(
                relation=relation("attendance"),
                heap_bytes=310 * MB,
                index_bytes=200 * MB,
                toast_bytes=0,
                rows=2_900_000,
            ),
            RelationSize(
                relation=relation("notifications"),
                heap_bytes=250 * MB,
                index_bytes=88 * MB,
                toast_bytes=31 * MB,
                rows=1_200_000,
            ),
            RelationSize(
                relation=relation("sessions"), heap_bytes=120 * MB, index_bytes=400 * MB, toast_bytes=0, rows=410_000
            ),
            RelationSize(relation=relation("users"), heap_bytes=2 * MB, index_bytes=1 * MB, toast_bytes=0, rows=3_500),
        ),
        total_exec_time=3.58e7,
        timings={"collect": 1.21, "twin": 1.8, "workload": 0.31, "fidelity": 0.4, "search": 2.94, "analyse": 0.12},
        peak_memory_bytes=146 * MB,
    )


def changed_report() -> Report:
    """The same with history: what changed since the night before."""
    return replace(rich_report(), changes=changes(NOW))


def healthy_report() -> Report:
    """Nothing to do."""
    rich = rich_report()
    return replace(
        rich,
        findings=(),
        indexes=IndexAdvice(cost_before=5e6, cost_after=5e6, statements=40, candidates=12, planner="twin (15.18)"),
        settings=replace(
            settings_advice(),
            proposals=(),
            refused=(),
            notes=(),
            worst_case_bytes_now=4 * GB,
            worst_case_bytes_proposed=None,
            memory_now=(("shared_buffers", 2 * GB), ("work_mem", GB), ("connections", GB)),
        ),
        retention=(rich.retention[2],),
        gaps=(),
        skipped=(),
        workload=rich.workload[3:],
    )


def empty_report() -> Report:
    """A role that may see nothing, on a server that keeps nothing."""
    return Report(
        tool_version="0.1.0",
        generated_at=NOW,
        version_num=130022,
        version="13.22",
        database="postgres",
        provider="self-hosted",
        since=None,
        until=None,
        database_size_bytes=None,
        findings=(),
        indexes=None,
        settings=None,
        retention=(),
        gaps=(
            Gap(
                what="pg_stat_statements",
                why="the extension is not in this database",
                fix="CREATE EXTENSION pg_stat_statements",
                costs="no workload: no index proposals",
            ),
        ),
        skipped=(Skipped(rule="vacuum/wraparound_near", why="pg_class could not be read"),),
    )


def hostile_report(text: str = HOSTILE, length: int = 1_000_000) -> Report:
    """Every text a database or a person can choose carries an attack on the format."""
    name = relation(text, text)
    query = f"SELECT '{text}' FROM {name} WHERE a = '" + "x" * length + "'"
    ddl = f"CREATE INDEX CONCURRENTLY i ON {name} (a)"
    proposal = replace(
        proposals()[0],
        table=name,
        name=text,
        ddl=ddl,
        undo_ddl=f"DROP INDEX CONCURRENTLY {name}",
        columns=(text,),
        reason=text,
        evidence=text,
        build_class=text,
        lock=text,
        statements=(effect("h1", query, 5, float("inf"), float("nan")), effect("h2", query, 5, 10, 5)),
        hurt=(effect("h3", query, 5, 1, 2),),
        replaces=(text,),
        after_ddl=(f"ANALYZE {name}",),
    )
    rich = rich_report()
    finding = Finding(
        rule="indexes/hostile",
        severity=Severity.CRITICAL,
        confidence=Confidence.LOW,
        title=text,
        object=str(name),
        detail=text,
        evidence={
            text: text,
            "nan": float("nan"),
            "set": {1},
            "bytes": b"\xff",
            "nested": {"when": NOW, 3: (1, None)},
        },
        remedy=Remedy(
            sql=(f"ALTER TABLE {name} SET (fillfactor = 90)",),
            undo_sql=(f"ALTER TABLE {name} RESET (fillfactor)",),
            lock=text,
            note=text,
        ),
    )
    return replace(
        rich,
        database=text,
        provider=text,
        version=text,
        findings=(finding, *(replace(f, title=f.title + text) for f in rich.findings)),
        indexes=replace(
            rich.indexes or IndexAdvice(),
            create=(proposal, *proposals()),
            drop=(replace(drops()[0], index=name, table=name, reason=text, ddl=f"DROP INDEX {name}", undo_ddl=ddl),),
            rejected=(IndexRejection(ddl=ddl, reason=text),),
            unusable=(UnusableStatement(text=query, calls=1, total_exec_time=None, reason=text, category=text),),
            planner=text,
            notes=(text,),
        ),
        settings=replace(
            settings_advice(),
            proposals=(setting("search_path", text, text, text),),
            ram_source=text,
            profile=text,
            notes=(text,),
            refused=((text, text),),
        ),
        retention=(
            replace(
                rich.retention[0],
                table=name,
                policy=text,
                enforcement=text,
                detail=text,
                oldest_source=text,
                sql=(f"DELETE FROM {name}",),
            ),
        ),
        gaps=(
            Gap(what=text, why=text, fix=text, costs=text),
            Gap(what="x", why="y", fix=f"GRANT SELECT ON {name} TO a"),
        ),
        skipped=(Skipped(rule=text, why=text),),
        workload=(replace(rich.workload[0], fingerprint="h1", query=query, notes=(text,)), *rich.workload),
        sizes=(replace(rich.sizes[0], relation=name), *rich.sizes),
        timings={text: 1.0},
        changes=changes(NOW, text),
    )


def huge_report(count: int = 10_000) -> Report:
    """Ten thousand of everything."""
    rich = rich_report()
    base = rich.findings[1]
    return replace(
        rich,
        findings=tuple(
            replace(base, object=f"public.t{n}", title=f"Foreign key of t{n} has no index") for n in range(count)
        ),
        indexes=replace(
            rich.indexes or IndexAdvice(),
            create=tuple(
                replace(proposals()[n % 3], name=f"i{n}", ddl=f"CREATE INDEX CONCURRENTLY i{n} ON t (a)")
                for n in range(count // 10)
            ),
            drop=tuple(
                replace(drops()[1], index=relation(f"i{n}"), ddl=f"DROP INDEX CONCURRENTLY i{n}") for n in range(count)
            ),
            rejected=tuple(IndexRejection(ddl=f"CREATE INDEX ON t{n} (a)", reason="no gain") for n in range(count)),
            unusable=(rich.indexes or IndexAdvice()).unusable * count,
        ),
        retention=tuple(replace(rich.retention[0], table=relation(f"r{n}")) for n in range(count)),
        gaps=rich.gaps * count,
        skipped=tuple(Skipped(rule=f"r/{n}", why="no data") for n in range(count)),
        workload=tuple(statement(f"f{n}", f"SELECT {n}", 1, 1, 1 / count, 1.0, 1.0) for n in range(count)),
        sizes=rich.sizes * count,
    )


SAMPLES = {
    "rich": rich_report,
    "changed": changed_report,
    "healthy": healthy_report,
    "empty": empty_report,
    "hostile": hostile_report,
}
