"""Judges a configuration that somebody wrote down, a postgresql.conf or a block in a document, against a host."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from advisor.errors import UsageError
from advisor.model.finding import Finding, Remedy, Severity
from advisor.model.report import SettingsAdvice
from advisor.model.server import HostFacts
from advisor.settings.advise import MEMORY_SETTINGS, Subject, assess
from advisor.settings.conf import ConfFile, Problem, read_conf
from advisor.settings.configuration import Configuration, fresh_configuration
from advisor.settings.evidence import Evidence
from advisor.settings.findings import configuration_findings, connection_findings
from advisor.settings.host import neon_connections, resolve_host
from advisor.settings.memory import GUARD_SHARE, MemoryPlan, plan_of
from advisor.settings.options import SettingsOptions
from advisor.settings.providers import LABELS, refusal
from advisor.settings.setting_finding import setting_finding
from advisor.units import format_size

# The lines that memory arithmetic is made of.
_OF_MEMORY = frozenset((*MEMORY_SETTINGS, "max_connections", "autovacuum_max_workers"))
_SEVERITY = {
    "unknown_setting": Severity.HIGH,
    "wrong_value": Severity.HIGH,
    "syntax": Severity.HIGH,
    "duplicate": Severity.MEDIUM,
    "include": Severity.INFO,
}


def review_conf(
    source: str | Path, host: HostFacts | SettingsOptions, major: int, options: SettingsOptions | None = None
) -> SettingsAdvice:
    """Return the judgement on a configuration for a host: proposals for its lines, findings, and what is sound.

    `source` is the text, or the path of a file; `host` the machine, as facts or as options. Settings that the text
    does not mention have their version's defaults, and change only where the memory arithmetic needs it. Raises
    UsageError for a file that cannot be read or sets nothing.
    """
    text, name = _text_of(source)
    facts = HostFacts() if isinstance(host, SettingsOptions) else host
    options = options or (host if isinstance(host, SettingsOptions) else SettingsOptions())
    conf = read_conf(text, major, name)
    if not conf.lines and not conf.problems:
        raise UsageError(f"{name} sets nothing.", "Give a postgresql.conf, or a document with such a block in it.")
    provider = options.provider or "self-hosted"
    fresh = fresh_configuration(major)
    now = fresh.replaced(conf.present)
    # The reviewed max_connections of a file says nothing of the size of a compute that ignores it.
    resolved = resolve_host(facts, options, Configuration(major, {}), provider)
    judged = now.replaced(
        {n: fresh[n] for n, present in conf.present.items() if refusal(provider, present.fact) is not None}
    )
    if provider == "neon" and resolved.ram is not None:
        connections = str(neon_connections(resolved.ram))
        judged = judged.replaced({"max_connections": dataclasses.replace(fresh["max_connections"], text=connections)})
    advice = assess(
        Subject(
            now=judged,
            host=resolved,
            provider=provider,
            profile=options.profile or "mixed",
            options=options,
            only=frozenset({*conf.present, *MEMORY_SETTINGS, "max_connections"}),
            database="your_database",
            file=name,
        )
    )
    findings = [
        *advice.findings,
        *(
            f
            for f in configuration_findings(now, provider, (), Evidence())
            if f.object.removeprefix("setting:") in conf.present
        ),
        *connection_findings(judged, Evidence(), resolved.whole_cores, provider),
        *(_problem(p, name) for p in conf.problems),
        *_not_settable(conf, provider),
    ]
    restated = [
        n
        for n, present in conf.present.items()
        if present.text == fresh[n].text and refusal(provider, present.fact) is None
    ]
    if resolved.ram is None and conf.present.keys() & _OF_MEMORY:
        findings.append(_unknown_host(plan_of(judged), name))
    notes = [f"Judged for PostgreSQL {major} on {LABELS.get(provider, provider)}{_assumed(options)}.", *advice.notes]
    notes += [f"{name}, {problem.message}" for problem in conf.problems]
    if restated:
        notes.append(f"These lines restate the default of PostgreSQL {major}: {', '.join(sorted(restated))}.")
    sound = tuple(n for n in advice.sound if n in conf.present)
    if sound:
        notes.append(f"Sound as they are: {', '.join(sorted(sound))}.")
    return dataclasses.replace(
        advice,
        findings=tuple(sorted(findings, key=lambda f: (f.severity.rank, f.rule, f.object))),
        refused=tuple(r for r in advice.refused if r[0] in conf.present or r[0] in MEMORY_SETTINGS),
        notes=tuple(notes),
        sound=sound,
        # Lines that the provider ignores say nothing of its memory.
        worst_case_bytes_now=advice.worst_case_bytes_now if resolved.ram is not None else None,
    )


def _assumed(options: SettingsOptions) -> str:
    return "" if options.provider is not None else " (--major and --provider name others)"


def _unknown_host(plan: MemoryPlan, name: str) -> Finding:
    """Return what can be said of the memory without a host: how large it would have to be."""
    needed = plan.worst_case / GUARD_SHARE
    return setting_finding(
        "settings/review_unknown_host",
        Severity.LOW,
        "ram",
        f"{name} needs a host with {format_size(needed)} of RAM, and the host is not known",
        f"With one sort per connection: {plan.sentence()}; that should be 90 % of the RAM at most. Give the host with "
        "--ram and --cores for a judgement of each line.",
        {"worst_case_bytes": plan.worst_case, "needed_bytes": int(needed)},
        Remedy(),
    )


def _text_of(source: str | Path) -> tuple[str, str]:
    path = source if isinstance(source, Path) else None
    if path is None and "\n" not in str(source) and "=" not in str(source) and len(str(source)) < 1000:
        path = Path(str(source))
    if path is None:
        return str(source), "the block"
    try:
        return path.read_text(encoding="utf-8"), path.name
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file in UTF-8.") from error


def _problem(problem: Problem, name: str) -> Finding:
    return setting_finding(
        f"settings/review_{problem.kind}",
        _SEVERITY[problem.kind],
        problem.name,
        f"{name}, {problem.message}",
        problem.message[0].upper() + problem.message[1:],
        {"line": problem.line},
        Remedy(),
    )


def _not_settable(conf: ConfFile, provider: str) -> list[Finding]:
    found = []
    for name, present in conf.present.items():
        why = refusal(provider, present.fact)
        if why is not None:
            found.append(
                setting_finding(
                    "settings/not_settable_here",
                    Severity.MEDIUM,
                    name,
                    f"{name} = {present.shown} cannot be set on {LABELS.get(provider, provider)}",
                    f"{why[0].upper()}{why[1:]}. Leave the line out.",
                    {"value": present.shown, "where": present.where},
                    Remedy(),
                )
            )
    return found
