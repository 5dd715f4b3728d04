"""Time limits that are not set: a remark on a healthy server, a finding where something was seen to last."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.model.finding import Finding, Remedy, Severity
from advisor.model.server import RoleSetting
from advisor.settings.configuration import Configuration
from advisor.settings.evidence import Evidence
from advisor.settings.providers import RELOAD
from advisor.settings.setting_finding import setting_finding
from advisor.units import format_duration

# Seconds: an application that works is not idle inside a transaction for so long, nor in one statement (judgement).
_LONG_IDLE = 60.0
_LONG_STATEMENT = 300.0


def time_limit_findings(
    now: Configuration, provider: str, role_settings: Sequence[RoleSetting], evidence: Evidence
) -> list[Finding]:
    """Return the limits that neither the server nor any role has. PostgreSQL's default is none."""
    per_role = {item.name for item in role_settings}

    def unset(name: str) -> bool:
        return name in now and now[name].text == "0" and name not in per_role

    found = []
    bounded = "transaction_timeout" in now and not unset("transaction_timeout")
    if unset("idle_in_transaction_session_timeout") and not bounded:
        found.append(_idle(provider, evidence))
    if unset("statement_timeout"):
        found.append(_statement(evidence))
    return found


def _idle(provider: str, evidence: Evidence) -> Finding:
    name = "idle_in_transaction_session_timeout"
    seen = evidence.idle_transaction_longest
    long = seen is not None and seen > _LONG_IDLE
    told = f" One was seen idle in its transaction for {format_duration(seen)}." if seen is not None and long else ""
    system = provider in ("self-hosted", "")
    return setting_finding(
        "settings/no_idle_transaction_timeout",
        Severity.MEDIUM if long else Severity.INFO,
        name,
        "A session may stay idle in a transaction for ever",
        "A client that forgets to commit keeps its locks and keeps vacuum from removing dead rows anywhere. Five "
        f"minutes ends such sessions and nothing else; a batch role may have more.{told}",
        {"setting": "0"} | ({"longest_seconds": round(seen)} if seen is not None else {}),
        Remedy(
            sql=(f"ALTER SYSTEM SET {name} = '5min'", RELOAD) if system else (),
            undo_sql=(f"ALTER SYSTEM RESET {name}", RELOAD) if system else (),
            note=None if system else f"Set {name} = 5min for the application's role: ALTER ROLE … SET …",
        ),
    )


def _statement(evidence: Evidence) -> Finding:
    seen = evidence.statement_longest
    long = seen is not None and seen > _LONG_STATEMENT
    told = f" The longest one took {format_duration(seen)}." if seen is not None and long else ""
    return setting_finding(
        "settings/no_statement_timeout",
        Severity.LOW if long else Severity.INFO,
        "statement_timeout",
        "No time limit for statements, for no role",
        "A runaway statement of the application runs until somebody notices. Set a limit for the application's "
        f"role, not for the server: dumps, index builds and migrations need longer.{told}",
        {"setting": "0"} | ({"longest_seconds": round(seen)} if seen is not None else {}),
        Remedy(note="ALTER ROLE your_application SET statement_timeout = '30s'; undo: ALTER ROLE … RESET …"),
    )
