"""Metrics for node_exporter's textfile collector: whole or absent, readable by it, also when a run has failed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from advisor.deliver.outcome import Outcome
from advisor.errors import DeliveryFailed
from advisor.render.prometheus import Family, exposition

_LAST_SUCCESS = "run_last_success_timestamp_seconds"
_KNOWN = re.compile(
    r'^pgadvise_run_last_success_timestamp_seconds\{target="((?:[^"\\]|\\.)*)"\} (\d+(?:\.\d+)?)$', re.M
)
# Readable by the collector, which runs as another user.
_MODE = 0o644


def run_families(outcomes: Iterable[Outcome], before: str = "") -> list[Family]:
    """Return when and how runs ended. `before` is the file as it was: the last success outlives failures."""
    rows = list(outcomes)
    last = {_unescaped(target): float(at) for target, at in _KNOWN.findall(before)}
    last |= {row.target: float(int(row.at.timestamp())) for row in rows if row.looked}

    def family(name: str, text: str, values: Iterable[tuple[str, float]]) -> Family:
        return Family(name, text, tuple(((("target", target),), value) for target, value in values))

    return [
        family("run_success", "Whether the last run could look (1) or not (0).", ((r.target, r.looked) for r in rows)),
        family("run_exit_code", "0 nothing, 1 findings, 3 could not look.", ((r.target, r.exit_code) for r in rows)),
        family("run_timestamp_seconds", "When the last run ended.", ((r.target, int(r.at.timestamp())) for r in rows)),
        family(
            _LAST_SUCCESS,
            "When a run could look for the last time.",
            ((r.target, last[r.target]) for r in rows if r.target in last),
        ),
        family("run_duration_seconds", "Time the last run took.", ((r.target, round(r.seconds, 3)) for r in rows)),
    ]


def read_before(path: Path) -> str:
    """Return the file as it is now; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DeliveryFailed(f"{path} cannot be read: {error.strerror}.") from error


def write_textfile(path: Path, families: Iterable[Family]) -> None:
    """Write the metrics through a rename, mode 0644. Raises DeliveryFailed."""
    try:
        # Not ending in .prom: the collector must not read a half of it.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise DeliveryFailed(f"{path} cannot be written: {error.strerror}.") from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(exposition(families))
            file.flush()
            os.fchmod(file.fileno(), _MODE)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DeliveryFailed(f"{path} cannot be written: {error.strerror}.") from error


def _unescaped(label: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], label)
