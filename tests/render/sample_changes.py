"""What changed, with something of every kind."""

from __future__ import annotations

from datetime import datetime, timedelta

from advisor.model.history import (
    Changes,
    FindingChange,
    Growth,
    LedgerEntry,
    LimitDate,
    MuteNote,
    Peak,
    SettingChange,
    StatementChange,
    StatementEffectSeen,
)

GB = 1 << 30


def changes(now: datetime, text: str = "") -> Changes:
    """Return changes of every kind; `text` is put into every text that comes from a database or a person."""
    before = now - timedelta(days=1)

    def finding(key: str, title: str, severity: str, **more: str) -> FindingChange:
        return FindingChange(key=key + text, title=title + text, severity=severity, since=before, **more)

    def entry(state: str, title: str, **more: object) -> LedgerEntry:
        return LedgerEntry(
            key=f"index:{state}{text}",
            kind="index",
            object="public.orders_idx" + text,
            title=title + text,
            state=state,
            ddl=(f"CREATE INDEX CONCURRENTLY orders_idx ON public.orders (customer_id) {text}",),
            undo=("DROP INDEX CONCURRENTLY public.orders_idx;",),
            proposed=before - timedelta(days=9),
            last_proposed=before,
            applied=before,
            **more,  # type: ignore[arg-type]
        )

    return Changes(
        previous=before,
        runs=12,
        events=("The server was restarted at 2026-11-20 03:00 UTC.",),
        notes=("pg_stat_statements made room 3 times" + text,),
        new=(finding("tables/dead_rows:public.orders", "orders has 4,000,000 dead rows", "high"),),
        worse=(finding("a:b", "The disk is nearly full", "critical", before="high"),),
        better=(finding("a:c", "Cache hits are few", "low", before="medium"),),
        resolved=(finding("a:d", "users has no primary key", "medium"),),
        overdue=(finding("a:e", "sessions keeps rows past its window", "high", why="open for 15 days"),),
        overdue_total=2,
        slower=(
            StatementChange(
                key="k",
                query="select * from orders where customer_id = $1" + text,
                mean_before=0.4,
                mean_after=31.5,
                ratio_low=70.1,
                ratio_high=84.9,
                calls=12_000,
                extra_ms=373_200,
                why="blocks per call 4.1 → 2,210; another plan",
                plan_before="Index Scan using orders_customer_id_idx on orders" + text,
                plan_after="Gather\n  Seq Scan on orders" + text,
            ),
        ),
        faster=(),
        growth=(Growth(object="public.events" + text, size_bytes=40 * GB, per_day=GB, low=0.9 * GB, high=1.2 * GB),),
        limits=(
            LimitDate(
                what="sequence public.orders_id_seq" + text,
                used=0.91,
                earliest=now + timedelta(days=20),
                expected=now + timedelta(days=25),
                latest=now + timedelta(days=33),
                is_new=True,
            ),
        ),
        settings=(
            SettingChange(name="work_mem", before="4.0 MB", after="64 MB", source="ALTER SYSTEM" + text),
            SettingChange(name="jit", before="on", after="off" + text, source="default", pending_restart=True),
        ),
        mutes=(
            MuteNote(finding="a:f" + text, reason="until the move" + text, state="expired", until="2026-11-20"),
            MuteNote(finding="a:g", reason="no more", state="unused"),
        ),
        ledger=(
            entry(
                "harmful",
                "index on orders (note)",
                is_news=True,
                decided=now,
                verdict="harmful",
                why="writes take 1.9 times as long",
            ),
            entry(
                "verified",
                "index on orders (customer_id)",
                decided=before,
                verdict="verified",
                promised_ratio=0.02,
                ratio=0.031,
                ratio_low=0.028,
                ratio_high=0.035,
                scans=120_000,
                statements=(
                    StatementEffectSeen(
                        query="select 1" + text,
                        promised_ratio=0.02,
                        mean_before=10.0,
                        mean_after=0.31,
                        calls_before=900,
                        calls_after=1_200,
                    ),
                ),
            ),
            entry("open", "index on users (email)"),
        ),
        peak=Peak(text="Busiest at 9–12h UTC with 3.1 times the median load.", busiest_hours=(9, 10, 11), ratio=3.1),
        counts={"new": 1, "worse": 1, "slower": 1, "limits": 1, "settings": 2, "ledger": 1, "mutes": 1, "events": 1},
    )
