"""What the formats for people share: the verdict, the bounded lists, the groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from advisor.model.finding import Finding, Severity
from advisor.model.report import IndexAdvice, IndexProposal, Node, Report, StatementSummary
from advisor.render.clean import one_line
from advisor.render.order import actions, all_findings, is_covered, is_fine
from advisor.render.phrases import change, cost, number, percent, plural, size, span, times_less
from advisor.render.steps import Action, proposal_key
from advisor.units import format_duration

T = TypeVar("T")

FIRST_ACTIONS = 7
# The steps after those are named in one line each.
NEXT_ACTIONS = 10
# A step's reason is cut at the end of a sentence; the sections have it in full.
WHY_CHARS = 420
QUERY_CHARS = 160
_STAGES = 8
# Texts that somebody meant to be planned; the other categories are no loss.
LOST = frozenset({"unparsable", "unplannable", "hidden"})
_CATEGORY_WORDS = {"own": "asked by pgadvise", "no_table": "without a table", "catalog": "on system catalogs"}


@dataclass(frozen=True, slots=True)
class Top(Generic[T]):
    """The first rows of a list, and how many there are in all."""

    rows: tuple[T, ...]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


def top(rows: Iterable[T], limit: int) -> Top[T]:
    """Return the first `limit` of `rows` with the total."""
    everything = tuple(rows)
    return Top(everything[:limit], len(everything))


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingGroup:
    """Findings of one rule and severity."""

    severity: Severity
    rule: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A report prepared for reading."""

    report: Report
    tone: str  # calm, improve, urgent, unknown
    verdict: str
    sentences: tuple[str, ...]
    first: Top[Action]
    then: Top[Action]
    actions: tuple[Action, ...]
    findings: tuple[Finding, ...]
    groups: tuple[FindingGroup, ...]  # of the health section
    setting_groups: tuple[FindingGroup, ...]  # of the settings section
    sections: frozenset[str]  # index settings retention health: which are shown
    header: tuple[tuple[str, str], ...]  # label, text


def make_view(report: Report) -> View:
    """Return everything that text, Markdown and HTML show in the same words."""
    everything = actions(report)
    asked = [action for action in everything if action.severity is not Severity.INFO]
    tone, verdict, sentences = _verdict(report, asked)
    findings = all_findings(report)
    sections = set(report.subjects)
    of_settings = [f for f in findings if f.subject == "settings" and "settings" in sections and report.settings]
    others = [f for f in findings if f not in of_settings and not is_covered(report, f)]
    if others:
        sections.add("health")  # a finding is shown even where health was not asked for
    return View(
        report=report,
        tone=tone,
        verdict=verdict,
        sentences=sentences,
        first=top(asked, FIRST_ACTIONS),
        then=top(asked[FIRST_ACTIONS:], NEXT_ACTIONS),
        actions=everything,
        findings=findings,
        groups=_groups(others),
        setting_groups=_groups(of_settings),
        sections=frozenset(sections),
        header=_header(report),
    )


def _header(report: Report) -> tuple[tuple[str, str], ...]:
    database = report.database
    if report.database_size_bytes is not None:
        database += f", {size(report.database_size_bytes)}"
    lines = [("server", f"PostgreSQL {short_version(report)}, {report.provider}"), ("database", database)]
    if report.since is not None or report.until is not None:
        # Settings for a server that does not exist yet have neither been read nor counted anywhere.
        lines += [("access", "read-only: nothing was changed"), ("window", span(report.since, report.until))]
    if report.nodes:
        lines.append(("standbys", "; ".join(map(_node_words, report.nodes))))
    if "index" in report.subjects:
        lines.append(("planner", fidelity_line(report)))
    return tuple(lines)


def _node_words(node: Node) -> str:
    """Return which of a standby's counters are in the report, and since when it has counted."""
    if node.status != "read":
        return f"{node.name}: not read"
    if node.calls is None or node.since is None:
        return f"{node.name}: no statements"
    return f"{node.name}: {node.calls:,} calls since {node.since:%Y-%m-%d %H:%M}"


def short_version(report: Report) -> str:
    """Return '15.18' of '15.18 (Debian 15.18-0+deb12u1)'."""
    return report.version.split(" (", 1)[0]


def fidelity_line(report: Report) -> str:
    """Return in one line which planner answered and how far it can be trusted."""
    fidelity = report.fidelity
    planner = report.indexes.planner if report.indexes is not None else ""
    if fidelity is None:
        if not planner or planner == "none":
            return "no what-if planner, so no index proposals and no costs"
        return f"{planner}; not compared with the server's own"
    name = {"twin": "twin", "hypopg": "HypoPG on the server"}.get(fidelity.planner, fidelity.planner)
    if fidelity.twin_version is not None and fidelity.planner == "twin":
        name += f" of PostgreSQL {fidelity.twin_version}"
    if fidelity.compared == 0:
        return f"{name}; not compared with the server's own"
    shape = "all" if fidelity.same_shape == fidelity.compared else str(fidelity.same_shape)
    line = (
        f"{name}: {fidelity.exact} of {plural(fidelity.compared, 'statement')} at exactly the server's cost, "
        f"{shape} with its plan"
    )
    if fidelity.worst_error:
        line += f"; worst error {percent(fidelity.worst_error)}"
    return line


def cost_line(report: Report) -> str:
    """Return what the proposals do to the whole workload's planned cost; empty where nothing was planned."""
    advice = report.indexes
    if advice is None or not advice.statements:
        return ""
    line = f"Planned cost of {plural(advice.statements, 'statement')}: "
    if not advice.create:
        return (
            line
            + f"{cost(advice.cost_before)}; {plural(advice.candidates, 'candidate index', 'candidate indexes')} tried."
        )
    line += f"{change(advice.cost_before, advice.cost_after)} ({times_less(advice.cost_before, advice.cost_after)})"
    if advice.cost_bound is None:
        return line + "."
    gap = max(0.0, advice.cost_after / advice.cost_bound - 1) if advice.cost_bound > 0 else 0.0
    line += f". At most {percent(gap)} above the best set of these {plural(advice.candidates, 'candidate')}"
    line += ", by the planner's costs, if more indexes never raise a cost"
    if advice.bound_checks:
        violated = f"{number(advice.bound_violations)} of {plural(advice.bound_checks, 'check')}"
        worst = f", by {percent(advice.bound_excess)} at most" if advice.bound_violations else ""
        line += f" (they did in {violated}{worst})"
    return line + "."


def _verdict(report: Report, asked: Sequence[Action]) -> tuple[str, str, tuple[str, ...]]:
    urgent = [a for a in asked if a.severity in (Severity.CRITICAL, Severity.HIGH)]
    looked = bool(report.passed or report.findings or report.indexes or report.settings or report.retention)
    if not looked:
        return "unknown", "Nothing could be judged.", _unknown(report)
    advice = report.indexes
    if not asked and advice is not None and advice.planner == "none" and report.subjects == ("index",):
        return "unknown", "There was no planner to ask, so no index could be proposed.", _unknown(report)
    if not asked and advice is not None and not advice.complete and not advice.create:
        return "unknown", "Nothing was found in the time there was; more time may find indexes.", _unknown(report)
    if not asked:
        return "calm", "All is well: there is nothing to do.", (*_calm(report), *_unknown(report))
    if urgent:
        verdict = f"{plural(len(urgent), 'thing needs', 'things need')} attention now"
        rest = len(asked) - len(urgent)
        verdict += f"; {plural(rest, 'more is', 'more are')} worth doing." if rest else "."
        tone = "urgent"
    else:
        verdict = f"No emergency; {plural(len(asked), 'thing is', 'things are')} worth doing."
        tone = "improve"
    return tone, verdict, (*_wins(report), *_unknown(report))


def _wins(report: Report) -> tuple[str, ...]:
    sentences = []
    advice = report.indexes
    if advice is not None and advice.create and advice.cost_before > 0:
        count = plural(len(advice.create), "new index", "new indexes")
        total = size(sum(p.size_bytes for p in advice.create))
        less = times_less(advice.cost_before, advice.cost_after)
        sentences.append(f"{count} ({total}) would make the workload's planned cost {less}.")
    if advice is not None and advice.drop:
        freed = size(sum(d.size_bytes for d in advice.drop))
        sentences.append(f"{plural(len(advice.drop), 'index', 'indexes')} can go, which frees {freed}.")
    overdue = [r for r in report.retention if r.expired_rows]
    if overdue:
        rows = number(sum(r.expired_rows or 0 for r in {r.table: r for r in overdue}.values()))
        tables = plural(len({r.table for r in overdue}), "table keeps", "tables keep")
        sentences.append(f"{tables} {rows} rows past their window.")
    return tuple(sentences)


def _calm(report: Report) -> tuple[str, ...]:
    parts = []
    if report.passed:
        parts.append(f"{plural(len(report.passed), 'rule')} looked and found nothing")
    advice = report.indexes
    if advice is not None and advice.statements:
        limited = any(rejected.reason.startswith("over the limit") for rejected in advice.rejected)
        why = "the limits given leave no room for an index" if limited else "no index would pay"
        parts.append(f"{plural(advice.statements, 'statement')} were planned and {why}")
    fine = len({status.table for status in report.retention if is_fine(status)})
    if fine:
        parts.append(f"{plural(fine, 'table is', 'tables are')} within the retention window")
    return ("; ".join(parts)[:1].upper() + "; ".join(parts)[1:] + ".",) if parts else ()


def _unknown(report: Report) -> tuple[str, ...]:
    if not report.gaps and not report.skipped:
        return ()
    parts = []
    if report.gaps:
        parts.append(f"{plural(len(report.gaps), 'thing')} could not be read")
    if report.skipped:
        parts.append(f"{plural(len(report.skipped), 'rule was', 'rules were')} skipped")
    return (f"Not seen: {' and '.join(parts)}; see Gaps.",)


def _groups(findings: Sequence[Finding]) -> tuple[FindingGroup, ...]:
    grouped: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((finding.severity, finding.rule), []).append(finding)
    return tuple(
        FindingGroup(severity=severity, rule=rule, findings=tuple(members))
        for (severity, rule), members in grouped.items()
    )


def made_line(report: Report) -> str:
    """Return how long the report took, by stage (the longest few), and the memory it needed."""
    if not report.timings:
        return "Made by pgadvise."
    stages = sorted(report.timings.items(), key=lambda stage: -stage[1])[:_STAGES]
    parts = ", ".join(f"{one_line(stage, 40)} {format_duration(seconds)}" for stage, seconds in stages)
    line = f"Made in {format_duration(sum(report.timings.values()))} ({parts})"
    if report.peak_memory_bytes is not None:
        line += f"; peak memory {size(report.peak_memory_bytes)}"
    return line + "."


def top_statements(report: Report, limit: int) -> Top[StatementSummary]:
    """Return the statements that take most execution time; where that is unknown, most planned cost."""
    rows = sorted(
        report.workload, key=lambda s: (-(s.total_exec_time or 0.0), -(s.cost_before or 0.0) * s.calls, s.fingerprint)
    )
    return top(rows, limit)


def memory_line(report: Report) -> str | None:
    """Return the worst-case memory arithmetic in one sentence, None where nothing is known."""
    settings = report.settings
    if settings is None or settings.worst_case_bytes_now is None:
        return None
    line = f"Worst-case memory now {size(settings.worst_case_bytes_now)}"
    if settings.worst_case_bytes_proposed is not None:
        line += f", with the proposed settings {size(settings.worst_case_bytes_proposed)}"
    if settings.ram_bytes is not None:
        source = f" ({settings.ram_source})" if settings.ram_source else ""
        line += f", of {size(settings.ram_bytes)} RAM{source}"
    return line + "."


def host_line(report: Report) -> str:
    """Return what the settings were computed for."""
    settings = report.settings
    if settings is None:
        return ""
    ram = f"{size(settings.ram_bytes)} RAM" if settings.ram_bytes is not None else "unknown RAM"
    if settings.ram_bytes is not None and settings.ram_source:
        ram += f" ({settings.ram_source})"
    cores = f"{number(settings.cores)} cores" if settings.cores is not None else "unknown number of cores"
    if settings.cores is not None and settings.cores_source and settings.cores_source != settings.ram_source:
        cores += f" ({settings.cores_source})"
    return f"for {ram}, {cores}, profile {settings.profile}"


def workload_line(report: Report) -> str:
    """Return what became of the workload's texts."""
    advice = report.indexes
    parts = []
    if report.workload:
        parts.append(plural(len(report.workload), "statement"))
    if advice is not None and advice.unusable:
        parts.append(f"{plural(len(advice.unusable), 'text')} not planned")
    return ", ".join(parts)


def unusable_counts(report: Report) -> tuple[tuple[str, int, float], ...]:
    """Return (reason, texts, calls) of the statements that took no part, most frequent first."""
    counts: dict[str, tuple[int, float]] = {}
    for text in report.indexes.unusable if report.indexes is not None else ():
        number_of, calls = counts.get(text.category, (0, 0.0))
        counts[text.category] = (number_of + 1, calls + text.calls)
    return tuple(
        (_CATEGORY_WORDS.get(category, category.replace("_", " ")), number_of, calls)
        for category, (number_of, calls) in sorted(counts.items(), key=lambda c: (-c[1][0], c[0]))
    )


def unplanned_texts(report: Report) -> tuple[tuple[str, int, float, str], ...]:
    """Return (reason, texts, calls, one of the texts) of what should have been planned and could not, by reason."""
    found: dict[str, tuple[int, float, str]] = {}
    for text in report.indexes.unusable if report.indexes is not None else ():
        if text.category in LOST:
            number_of, calls, example = found.get(text.reason, (0, 0.0, text.text))
            found[text.reason] = (number_of + 1, calls + text.calls, example)
    return tuple((reason, *found[reason]) for reason in sorted(found, key=lambda r: (-found[r][1], -found[r][0], r)))


def no_proposal(advice: IndexAdvice) -> str:
    """Return why nothing is proposed."""
    if not advice.statements:
        return "no statement could be judged"
    return "nothing to change" if advice.complete else "nothing found in the time there was"


def common_evidence(report: Report) -> str:
    """Return the evidence that most proposals share, to be told once; empty where there is none."""
    told = Counter(proposal.evidence for proposal in (report.indexes.create if report.indexes else ()))
    if not told:
        return ""
    evidence, times = told.most_common(1)[0]
    return evidence if times > 1 else ""


def ordered_proposals(view: View) -> tuple[IndexProposal, ...]:
    """Return the index proposals in the order of the steps."""
    if view.report.indexes is None:
        return ()
    places = {action.key: place for place, action in enumerate(view.actions)}
    return tuple(sorted(view.report.indexes.create, key=lambda p: places.get(proposal_key(p), len(places))))
