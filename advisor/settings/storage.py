"""Settings that follow from the storage and from what is written to it: planner costs, read-ahead, WAL."""

from __future__ import annotations

from advisor.settings.configuration import Configuration
from advisor.settings.evidence import Evidence
from advisor.settings.memory import GB, MB
from advisor.settings.targets import Target
from advisor.settings.values import round_down, unit_bytes
from advisor.units import format_duration, format_size

_WAL_BYTES = {"web": 4 * GB, "mixed": 4 * GB, "oltp": 8 * GB, "dw": 16 * GB}
_MIN_CHECKPOINTS = 10
_AVERAGE = " The average hides peaks: watch forced checkpoints, or give several snapshots (--previous)."
_WORDS = {"ssd": "solid-state disks", "nvme": "NVMe disks", "hdd": "rotating disks", "san": "a storage network"}


def storage_targets(
    now: Configuration, storage: str, profile: str, ram: int | None, database_bytes: int | None
) -> tuple[Target, ...]:
    """Return planner cost and read-ahead for a kind of storage."""
    where = _WORDS[storage]
    cost, why = {
        "ssd": (1.1, "a random page costs almost what a sequential one does"),
        "nvme": (1.1, "a random page costs almost what a sequential one does"),
        "san": (1.5, "a random page costs a little more than a sequential one"),
        "hdd": (4.0, "the arm has to move for a random page"),
    }[storage]
    if storage in ("ssd", "nvme") and profile == "dw" and ram and database_bytes and database_bytes > ram:
        cost, why = 1.5, f"the database ({format_size(database_bytes)}) is larger than the RAM, so most pages are read"
    targets = [
        Target(
            name="random_page_cost",
            value=cost,
            low=0.7,
            high=1.4,
            reason=f"On {where} {why}; at {now['random_page_cost'].shown} the planner "
            + ("avoids indexes that would pay." if now.number("random_page_cost") > cost else "trusts them too much."),
        )
    ]
    eic = now.get("effective_io_concurrency")
    if eic is not None:
        if now.major >= 18:
            value = {"hdd": 16, "ssd": 64, "san": 64, "nvme": 128}[storage]
        else:
            value = {"hdd": 2, "ssd": 200, "san": 200, "nvme": 200}[storage]
        if eic.fact.maximum != 0:  # 0: this platform has no read-ahead (Windows and macOS up to 17)
            targets.append(
                Target(
                    name="effective_io_concurrency",
                    value=value,
                    low=0.3,
                    high=4.0,
                    severity="low",
                    confidence="medium",
                    reason=f"How many reads {where} can do at once for bitmap scans"
                    + (" and read-ahead." if now.major >= 18 else "."),
                )
            )
    return tuple(targets)


def wal_targets(now: Configuration, profile: str, evidence: Evidence, wal_disk_free: int | None) -> tuple[Target, ...]:
    """Return checkpoint and WAL settings, from the measured WAL rate where there is one."""
    timeout = 1800 if profile == "dw" else 900
    size, reason, seen, forced = _wal_size(now, profile, evidence, timeout, wal_disk_free)
    fact_unit = MB
    confidence = "low" if evidence.is_young and seen else "high"
    severity = "high" if forced else "low"
    targets = [
        Target(
            name="max_wal_size",
            value=round_down(size / fact_unit, 4),
            only_raise=True,
            # Forced checkpoints prove the present size too small, however near the formula's it is.
            low=0.99 if forced else 0.5,
            severity=severity,
            confidence=confidence,
            reason=reason,
            evidence=seen,
        ),
        Target(
            name="min_wal_size",
            value=max(80, round_down(size / fact_unit / 4, 4)),
            only_raise=True,
            low=0.5,
            severity="low",
            reason="A quarter of max_wal_size stays as files to be written again instead of made anew.",
        ),
        Target(
            name="checkpoint_timeout",
            value=timeout,
            only_raise=True,
            low=0.66,
            severity="low",
            reason=_timeout_reason(now, timeout, evidence),
            evidence={"checkpoint_interval_seconds": round(evidence.checkpoint_interval)}
            if _is_often(evidence) and evidence.checkpoint_interval is not None
            else {},
        ),
    ]
    if now.major <= 13:
        targets.append(
            Target(
                name="checkpoint_completion_target",
                value=0.9,
                only_raise=True,
                low=0.85,
                severity="low",
                reason="Spreads the checkpoint's writes over 90 % of the interval; the default from version 14 on.",
            )
        )
    targets += _wal_buffers(now, evidence)
    targets += _compression(now, evidence)
    return tuple(targets)


def _timeout_reason(now: Configuration, timeout: int, evidence: Evidence) -> str:
    text = (
        f"Every page's first change after a checkpoint writes the whole page to WAL; every {timeout // 60} minutes "
        f"instead of every {now['checkpoint_timeout'].shown} is less of that. Recovery after a crash takes longer."
    )
    if _is_often(evidence):
        text += f" Checkpoints came every {format_duration(evidence.checkpoint_interval or 0)} on average."
    if evidence.full_page_share is not None and evidence.full_page_share > 0.5 and not now.is_on("wal_compression"):
        text += f" Full pages are {evidence.full_page_share:.0%} of the WAL now."
    return text


def _is_often(evidence: Evidence) -> bool:
    """Return whether checkpoints are less than 10 minutes apart, whatever starts them."""
    many = (evidence.checkpoints or 0) >= _MIN_CHECKPOINTS
    return many and evidence.checkpoint_interval is not None and evidence.checkpoint_interval < 600


def is_forced(evidence: Evidence) -> bool:
    """Return whether WAL volume instead of time starts too many checkpoints: more than 10 %."""
    if (evidence.checkpoints or 0) < _MIN_CHECKPOINTS:
        return False
    return (evidence.forced_share or 0) > 0.1


def _wal_size(
    now: Configuration, profile: str, evidence: Evidence, timeout: int, free: int | None
) -> tuple[float, str, dict[str, object], bool]:
    base, forced = float(_WAL_BYTES[profile]), is_forced(evidence)
    present = now.size("max_wal_size")
    seen: dict[str, object] = {}
    reason = (
        f"{format_size(base)} for this profile ({profile}): checkpoints should be started by time, not by WAL volume. "
        f"It is disk space, not memory."
    )
    rate, often = evidence.wal_bytes_per_second, evidence.wal_p95_bytes_per_second
    if often is None and (evidence.window_seconds is None or evidence.window_seconds < 3600):
        rate = None  # a moment is no rate
    if rate is not None or often is not None:
        used = often if often is not None else rate or 0.0
        measured = 1.9 * used * timeout * 1.25
        if measured > base:
            base = measured
            if often is not None:
                told = f"WAL was written at no more than {format_size(often)}/s in 95 % of the time between"
                told += f" {evidence.wal_intervals + 1} snapshots"
                doubt = ""
            else:
                told, doubt = f"WAL is written at {format_size(used)}/s on average", _AVERAGE
            reason = (
                f"{told}; 1.9 intervals of {timeout // 60} min and a quarter more are {format_size(measured)}.{doubt}"
            )
        seen |= {"wal_bytes_per_second": int(rate)} if rate is not None else {}
        if often is not None:
            seen |= {"wal_p95_bytes_per_second": int(often), "wal_intervals": evidence.wal_intervals}
    if forced:
        base = max(base, 2.0 * present)
        seen |= {"forced_share": round(evidence.forced_share or 0, 3), "checkpoints": evidence.checkpoints}
        reason = (
            f"{evidence.forced_share or 0:.0%} of {evidence.checkpoints} checkpoints were forced by WAL volume: "
            f"{now['max_wal_size'].shown} is too small. " + reason
        )
    if free is not None and base > free / 2:
        base = max(free / 2, present)
        reason += f" Limited to half of the {format_size(free)} free on the WAL disk."
    return base, reason, seen, forced


def _wal_buffers(now: Configuration, evidence: Evidence) -> list[Target]:
    rate = evidence.wal_buffers_full_per_hour
    if rate is not None and rate > 60 and now.size("wal_buffers") < 64 * MB:
        return [
            Target(
                name="wal_buffers",
                value=64 * MB // unit_bytes(now["wal_buffers"].fact),
                low=0.99,
                only_raise=True,
                confidence="medium",
                reason=f"The WAL buffers were full {rate:.0f} times an hour, and a session had to write them out "
                "itself.",
                evidence={"wal_buffers_full_per_hour": round(rate)},
            )
        ]
    present = now["wal_buffers"]
    automatic = min(16 * MB, now.size("shared_buffers") // 32)
    if present.source not in ("default", "override") and 0 < now.size("wal_buffers") < automatic / 2:
        return [
            Target(
                name="wal_buffers",
                value=-1,
                severity="low",
                reason=f"Automatic would be {format_size(automatic)}, 3 % of shared_buffers; it follows when those "
                "change.",
            )
        ]
    return []


def _compression(now: Configuration, evidence: Evidence) -> list[Target]:
    present = now["wal_compression"]
    if present.text != "off":
        return []
    # Without the server's own list nobody knows whether it was built with lz4; "on" works everywhere.
    value = "lz4" if present.from_server and "lz4" in present.fact.enumvals else "on"
    share = evidence.full_page_share
    reason = "Full pages in the WAL are compressed: less to write, archive and replicate, for a little CPU."
    seen = {}
    if share is not None and share > 0.5:
        reason = f"{reason} They are {share:.0%} of the WAL."
        seen = {"full_page_share": round(share, 3)}
    return [
        Target(
            name="wal_compression",
            value=value,
            severity="medium" if seen else "low",
            reason=reason,
            evidence=seen,
            confidence="low" if seen and evidence.is_young else "high",
        )
    ]
