"""The static verdict: every action of every statement against every rule, with what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from advisor.gate.dynamic import expand
from advisor.gate.files import Part
from advisor.gate.locks import BLOCKING, locks_of
from advisor.gate.resolve import does_nothing, resolved
from advisor.gate.rulebook import MigrationRule
from advisor.gate.script import Ignore, Script, read_script
from advisor.gate.seconds import estimate_seconds
from advisor.gate.state import State
from advisor.model.migration import Action, GateFile, GateFinding, Hazard, Step

SHOWN = 300  # characters of a statement in a finding


def shown(sql: str) -> str:
    """Return a statement as findings show it: cut, and without the passwords in it."""
    text = sql[: 10 * SHOWN]
    if "passw" not in text.lower():
        return text[:SHOWN]
    from advisor.model.redaction import mask_secrets

    return (mask_secrets(text) or "")[:SHOWN]


Revise = Callable[[list[GateFinding]], list[GateFinding]]


def judge_text(
    path: str,
    text: str,
    state: State,
    rules: Sequence[MigrationRule],
    in_transaction: bool = False,
    revise: Revise | None = None,
    parts: Sequence[Part] = (),
) -> GateFile:
    """Judge one file and leave `state` as the database is after it.

    `in_transaction`: a tool wraps the file in one transaction; or `parts` of it, each by itself.
    `revise` may correct the findings by what was measured, before the file's own ignores are applied.
    """
    script = read_script(text, state.functions)
    state.altered.clear()
    if in_transaction:
        state.begin(explicit=False)
    findings: list[GateFinding] = []
    actions = all_actions(script.steps)
    begin = 0
    harmless: tuple[Action, ...] | None = None
    waiting = list(parts)
    for step in script.steps:
        while waiting and waiting[0].line <= step.line:
            _next_part(waiting.pop(0), state)
        begin += len(step.actions)
        if step.actions is harmless and not state.enum_values_added:
            continue  # one more row of the same data
        found = list(_judge_step(step, Pending(actions, begin, state), state, rules))
        findings += found
        harmless = step.actions if not found and _is_row(step) else None
    findings += _end_of_file(script, state, in_transaction)
    if revise is not None:
        findings = revise(findings)
    kept, ignored = _without_ignored(findings, script.ignores)
    return GateFile(path=path, findings=tuple(_once(kept)), ignored=tuple(ignored))


class Pending:
    """The actions that follow, resolved as they are asked for: few rules look, and files have thousands."""

    def __init__(self, actions: Sequence[Action], begin: int, state: State, first: tuple[Action, ...] = ()) -> None:
        self._actions, self._begin, self._state, self._first = actions, begin, state, first

    def after(self, first: tuple[Action, ...]) -> Pending:
        """Return the same, preceded by what is left of the present statement."""
        return Pending(self._actions, self._begin, self._state, first)

    def __iter__(self) -> Iterator[Action]:
        for action in self._first:
            yield resolved(action, self._state)
        for number in range(self._begin, len(self._actions)):
            yield resolved(self._actions[number], self._state)


def replay_schema(text: str, state: State) -> str | None:
    """Replay a schema file: what it makes is the database before the migrations. Return the first parse error."""
    script = read_script(text, state.functions)
    for step in script.steps:
        for action in step.actions:
            state.locks = ()
            state.apply(resolved(action, state))
    state.settle()
    return script.error


def _judge_step(step: Step, later: Pending, state: State, rules: Sequence[MigrationRule]) -> Iterator[GateFinding]:
    if step.error is not None:
        yield _finding("syntax_error", "high", step, f"This statement does not parse: {step.error}.", "statement")
        return
    inner, opaque = expand(step, state.functions, state.bodies)
    if opaque:
        message = "SQL computed at run time cannot be judged from the text; read it, or run it on a copy."
        yield _finding("opaque_dynamic_sql", "low", step, message, "statement")
    waits_forever = False
    actions = (*step.actions, *inner)
    state.statement = step.sql
    for number, written in enumerate(actions):
        action = resolved(written, state)
        if does_nothing(action, state):
            if action.kind == "drop_index" and action.relation is not None:
                state.indexes_dropped.add(action.relation)  # not there now, nor after a failed attempt
            continue
        state.locks = locks_of(action, state)
        state.pending = later.after(actions[number + 1 :])
        for rule in rules:
            if rule.enabled and rule.applies(state.major):
                for hazard in rule.check(action, state):
                    yield _from_hazard(rule, hazard, step, state)
        strong = [name for name, mode in state.locks if mode in BLOCKING and state.preexisting(name)]
        # Nobody writes to a materialized view: its CONCURRENTLY waits for other refreshes only.
        online = action.kind == "refresh_matview" and action.concurrently
        if strong and state.lock_timeout is None and not waits_forever and not online:
            waits_forever = True
            yield _no_lock_timeout(step, str(strong[0]))
        state.apply(action)


def _next_part(part: Part, state: State) -> None:
    """End the transaction of the part before, and begin this one's."""
    if state.in_transaction:
        state.end()
    if part.in_transaction:
        state.begin(explicit=False)


def _is_row(step: Step) -> bool:
    """Whether a statement only puts in the rows it holds: that changes nothing of what is known."""
    return len(step.actions) == 1 and step.actions[0].kind == "insert" and step.actions[0].body is None


def _no_lock_timeout(step: Step, relation: str) -> GateFinding:
    return _finding(
        "lock_timeout_missing",
        "medium",
        step,
        f"This waits for its lock on {relation} without limit, and everybody who comes later waits behind it.",
        relation,
        remedy=("SET lock_timeout = '2s';",),
        note="Set it before the statement and try again when it fails.",
    )


def _once(findings: Sequence[GateFinding]) -> Iterator[GateFinding]:
    """Yield the findings with a missing lock_timeout told once, at the first statement: one SET mends the file."""
    missing = [finding for finding in findings if finding.rule == "lock_timeout_missing"]
    for finding in findings:
        if finding.rule != "lock_timeout_missing":
            yield finding
        elif finding is missing[0]:
            more = len(missing) - 1
            rest = f" So do{'es' if more == 1 else ''} {more} more statement{'s' if more != 1 else ''} of this file."
            yield replace(finding, message=finding.message + rest) if more else finding


def _end_of_file(script: Script, state: State, in_transaction: bool) -> Iterator[GateFinding]:
    if state.explicit and state.in_transaction and script.steps:
        message = "The transaction opened in this file is never committed: the work is lost or its locks stay."
        yield _finding("uncommitted_transaction", "high", script.steps[-1], message, "transaction")
    if state.in_transaction:
        state.end()


def _finding(
    rule: str,
    severity: str,
    step: Step,
    message: str,
    object_: str,
    remedy: tuple[str, ...] = (),
    note: str | None = None,
) -> GateFinding:
    return GateFinding(
        rule=rule, severity=severity, line=step.line, statement=shown(step.sql), message=message, object=object_,
        remedy_sql=remedy, remedy_note=note,
    )  # fmt: skip


def _from_hazard(rule: MigrationRule, hazard: Hazard, step: Step, state: State) -> GateFinding:
    return GateFinding(
        rule=rule.name, severity=hazard.severity or rule.severity.value, line=step.line, statement=shown(step.sql),
        message=hazard.message, object=hazard.object, lock=hazard.lock, rewrite=hazard.rewrite,
        seconds_estimate=estimate_seconds(hazard, state, rule.name), remedy_sql=hazard.remedy,
        remedy_note=hazard.remedy_note,
    )  # fmt: skip


def _without_ignored(findings: Iterable[GateFinding], ignores: Sequence[Ignore]) -> tuple[list[GateFinding], list[str]]:
    """Apply `-- pgadvise: ignore RULE reason`: on the finding's line or the line before the statement."""
    kept: list[GateFinding] = []
    told: list[str] = []
    used: set[Ignore] = set()
    for finding in findings:
        hit = next(
            (i for i in ignores if i.rule == finding.rule and i.line <= finding.line <= i.line + 3 and i.reason), None
        )
        if hit is None:
            kept.append(finding)
        else:
            used.add(hit)
            told.append(f"{finding.rule} (line {finding.line}): {hit.reason}")
    for ignore in ignores:
        if ignore in used:
            continue
        why = "it has no reason" if not ignore.reason else "no finding of that rule follows"
        message = f"The ignore of {ignore.rule} on line {ignore.line} has no effect: {why}."
        kept.append(
            GateFinding(
                rule="unused_ignore",
                severity="info",
                line=ignore.line,
                statement="",
                message=message,
                object=ignore.rule,
            )
        )
    return kept, told


def all_actions(steps: Iterable[Step]) -> tuple[Action, ...]:
    """Return the actions of all statements, for what needs the whole file at once."""
    return tuple(action for step in steps for action in step.actions)
