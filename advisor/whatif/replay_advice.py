"""What a replay says, put into the settings advice: better and worse statements, and settings for one role only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.model.excerpt import excerpt
from advisor.model.names import quote_ident, quote_literal
from advisor.model.report import SettingProposal, SettingsAdvice
from advisor.model.server import RoleSetting
from advisor.model.workload import Statement
from advisor.units import parse_size
from advisor.whatif.replay import Replay, Replayed, replay_settings
from advisor.whatif.session import PlanningSession

# Statements named of each kind.
_NAMED = 5
_QUERY_CHARS = 100
# Of fewer statements one is no small part.
_FEWEST = 5


def replayed_advice(
    session: PlanningSession,
    statements: Sequence[Statement],
    advice: SettingsAdvice,
    role_settings: Sequence[RoleSetting] = (),
) -> SettingsAdvice:
    """Return the advice with what its planner settings do to the workload's plans on the twin."""
    replay = replay_settings(session, statements, advice.proposals)
    if not replay.settings or not replay.planned:
        return advice
    proposals = tuple(_for_one(p, replay, role_settings) for p in advice.proposals)
    evidence = _evidence(replay)
    proposals = tuple(
        replace(p, evidence=p.evidence | {"replay": evidence}) if p.name == replay.settings[0] else p for p in proposals
    )
    return replace(advice, proposals=proposals, notes=(*advice.notes, *_notes(replay)))


def _notes(replay: Replay) -> list[str]:
    head = f"Replayed on the twin, {replay.planned} statements with {', '.join(replay.settings)} as proposed: "
    if not (replay.better or replay.worse or replay.changed):
        return [f"{head}none gets another plan or another cost."]
    counts = [
        f"{len(found)} {word}"
        for found, word in (
            (replay.better, "cheaper"),
            (replay.worse, "dearer"),
            (replay.changed, "with another plan that the new cost settings prefer"),
        )
        if found
    ]
    notes = [f"{head}{', '.join(counts)}."]
    notes += [f"Cheaper: {_line(item)}" for item in replay.better[:_NAMED]]
    notes += [f"Dearer: {_line(item)}" for item in replay.worse[:_NAMED]]
    notes += [f"Another plan: {_line(item, units=True)}" for item in replay.changed[:_NAMED]]
    return notes


def _line(item: Replayed, *, units: bool = False) -> str:
    """Return one statement: cost before and after, what of the plan changes, the text."""
    before, after = f"{item.cost_before:,.0f}", f"{item.cost_after:,.0f}"
    costs = f"cost {before} in today's unit, {after} in the new one" if units else f"cost {before} → {after}"
    return f"{costs}, {_plan_change(item)}: {excerpt(item.statement.original, _QUERY_CHARS)}"


def _plan_change(item: Replayed) -> str:
    if item.same_plan:
        return "same plan"
    gone = [line.strip() for line in item.before if line not in item.after]
    come = [line.strip() for line in item.after if line not in item.before]
    return f"{', '.join(gone[:3]) or 'the same nodes'} becomes {', '.join(come[:3]) or 'another order of them'}"


def _evidence(replay: Replay) -> dict[str, object]:
    """Return the replay as plain data for the JSON report, without literals."""

    def rows(found: Sequence[Replayed]) -> list[dict[str, object]]:
        return [
            {
                "fingerprint": item.statement.fingerprint,
                "query": excerpt(item.statement.original),
                "cost_before": item.cost_before,
                "cost_after": item.cost_after,
                "plan_before": list(item.before),
                "plan_after": list(item.after),
            }
            for item in found[: 4 * _NAMED]
        ]

    return {
        "settings": list(replay.settings),
        "statements": replay.planned,
        "better": rows(replay.better),
        "worse": rows(replay.worse),
        "other_plan": rows(replay.changed),
    }


def _raises(proposal: SettingProposal) -> bool:
    """Return whether the value grows: sizes and counts read alike."""
    return parse_size(proposal.proposed) > parse_size(proposal.current)


def _for_one(proposal: SettingProposal, replay: Replay, role_settings: Sequence[RoleSetting]) -> SettingProposal:
    """Return a raise that helps one statement only as a change for the role that runs it, others as they are."""
    helped = replay.helped.get(proposal.name)
    if (
        helped is None
        or proposal.severity == "high"
        or not _raises(proposal)
        or "temp_p95_per_call" in proposal.evidence
    ):
        return proposal  # it lowers memory that is overcommitted, or many statements were seen to spill
    if replay.planned < _FEWEST:
        return proposal
    if len(helped) != 1:
        count = f"{len(helped)} of {replay.planned}" if helped else f"none of {replay.planned}"
        return replace(proposal, reason=f"{proposal.reason} On the twin it makes {count} statements cheaper.")
    (item,) = helped
    name, value = proposal.name, quote_literal(proposal.proposed)
    roles = item.statement.roles
    sql, undo = [], []
    for role in roles[:1]:
        earlier = next((s.value for s in role_settings if (s.role, s.name, s.database) == (role, name, None)), None)
        sql.append(f"ALTER ROLE {quote_ident(role)} SET {name} = {value}")
        undo.append(
            f"ALTER ROLE {quote_ident(role)} RESET {name}"
            if earlier is None
            else f"ALTER ROLE {quote_ident(role)} SET {name} = {quote_literal(earlier)}"
        )
    sql.append(f"-- or only where it is needed, inside the transaction: SET LOCAL {name} = {value}")
    undo = undo or [f"-- remove the SET LOCAL {name} again"]
    return replace(
        proposal,
        severity="low",
        restart=False,
        apply_sql=tuple(sql),
        undo_sql=tuple(undo),
        reason=f"It helps one of {replay.planned} statements on the twin ({_line(item)}), so it is for the role that "
        f"runs it, or for its function (ALTER FUNCTION … SET {name}), not for the server. {proposal.reason}",
    )
