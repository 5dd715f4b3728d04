"""The other settings: JIT, huge pages, statistics, vacuum's buffers, what the server measures and logs."""

from __future__ import annotations

from advisor.settings.configuration import Configuration
from advisor.settings.evidence import Evidence
from advisor.settings.memory import GB
from advisor.settings.targets import Target
from advisor.units import format_size


def switch_targets(now: Configuration, profile: str, evidence: Evidence, exact: bool) -> tuple[Target, ...]:
    """Return targets that depend on neither RAM, cores nor storage."""
    targets = [*_jit(now, profile, evidence), *_statistics(now, profile)]
    huge = now.get("huge_pages")
    if huge is not None and huge.text == "off" and now.size("shared_buffers") >= 2 * GB:
        targets.append(
            Target(
                name="huge_pages",
                value="try",
                severity="low",
                reason=f"{now['shared_buffers'].shown} of shared_buffers in 4 kB pages cost memory for page tables in "
                f"every backend; 'try' uses huge pages where the system has reserved them.{_huge_count(now)}",
            )
        )
    if now.major == 16 and "vacuum_buffer_usage_limit" in now:
        targets.append(
            Target(
                name="vacuum_buffer_usage_limit",
                value=min(2048, now.size("shared_buffers") // 8192),
                only_raise=True,
                severity="low",
                reason="256 kB makes vacuum write its own WAL out again and again; 2 MB is the default from 17 on.",
            )
        )
    if "io_method" in now and now["io_method"].text == "sync":
        targets.append(
            Target(
                name="io_method",
                value="worker",
                severity="low",
                reason="Reads go on in the background instead of one after the other.",
            )
        )
    if not exact and "track_io_timing" in now and not now.is_on("track_io_timing"):
        targets.append(
            Target(
                name="track_io_timing",
                value="on",
                severity="low",
                reason="Without it nobody can tell how much of a statement's time is reading. Costs next to nothing on "
                "Linux; pg_test_timing shows it.",
            )
        )
    if not exact and (evidence.temp_bytes_per_day or 0) > GB and now.number("log_temp_files") < 0:
        targets.append(
            Target(
                name="log_temp_files",
                value=100 * 1024,
                severity="low",
                reason=f"{format_size(evidence.temp_bytes_per_day or 0)} of temporary files a day: with this the log "
                "names the statements that write more than 100 MB.",
            )
        )
    if evidence.backend_write_share is not None and evidence.backend_write_share > 0.3 and _is_busy(evidence):
        targets.append(
            Target(
                name="bgwriter_lru_maxpages",
                value=min(1000, 4 * max(100, now.number("bgwriter_lru_maxpages"))),
                only_raise=True,
                low=0.99,
                confidence="low" if evidence.is_young else "medium",
                reason=f"{evidence.backend_write_share:.0%} of the pages written were written by sessions that "
                "needed a "
                "free buffer, while their clients waited; the background writer may clean more per round.",
                evidence={"backend_write_share": round(evidence.backend_write_share, 3)},
            )
        )
    return tuple(targets)


def _is_busy(evidence: Evidence) -> bool:
    # 100,000 pages are 800 MB: less is a server at rest, whatever its shares are.
    return (evidence.backend_writes or 0) > 100_000


def _jit(now: Configuration, profile: str, evidence: Evidence) -> list[Target]:
    if profile == "dw" or not now.is_on("jit"):
        return []
    reason = "Compiling costs tens of milliseconds per statement and pays only for long analytic ones."
    share = evidence.jit_share
    if share is not None and share > 0.05:
        reason += f" It took {share:.0%} of the execution time here."
    return [Target(name="jit", value="off", severity="low" if not share or share < 0.05 else "medium", reason=reason)]


def _statistics(now: Configuration, profile: str) -> list[Target]:
    present = now.number("default_statistics_target")
    if profile == "dw":
        return [
            Target(
                name="default_statistics_target",
                value=500,
                only_raise=True,
                low=0.5,
                severity="low",
                reason="Large tables with skewed values need finer statistics; ANALYZE and planning take longer.",
            )
        ]
    if present < 100:
        return [
            Target(
                name="default_statistics_target",
                value=100,
                low=0.99,
                reason=f"{present:.0f} leaves the planner with coarse statistics; 100 is PostgreSQL's default.",
            )
        ]
    return []


def _huge_count(now: Configuration) -> str:
    count = now.get("shared_memory_size_in_huge_pages")
    if count is None or count.number <= 0:
        return ""
    return f" Reserve {count.number:.0f} of them (vm.nr_hugepages)."
