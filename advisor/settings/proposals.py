"""From targets to proposals: what is worth changing, can be changed here, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from advisor.model.finding import Severity
from advisor.model.report import SettingProposal
from advisor.model.server import RoleSetting
from advisor.settings.configuration import Configuration, Present
from advisor.settings.providers import Change, apply_lines, refusal, sizes_itself, undo_lines
from advisor.settings.targets import Target
from advisor.settings.values import ValueRefused, show

_HIDDEN_BY_ROLE = ("user", "database user")
# A standby must have at least its primary's value, or it does not start.
_PRIMARY_FIRST = ("max_connections", "max_worker_processes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the proposals are to be applied."""

    provider: str
    database: str
    role_settings: tuple[RoleSetting, ...] = ()
    exact: bool = False
    standby: bool = False  # the server follows another
    file: str | None = None  # a reviewed file instead of a server

    def stored(self, name: str) -> str | None:
        """Return what ALTER DATABASE … SET has stored for the database."""
        for item in self.role_settings:
            if item.name == name and item.role is None and item.database == self.database:
                return item.value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the targets, and the configuration once the proposals are applied."""

    proposals: tuple[SettingProposal, ...]
    refused: tuple[tuple[str, str], ...]
    sound: tuple[str, ...]
    after: Configuration


def propose(now: Configuration, targets: Iterable[Target], place: Place) -> Outcome:
    """Return proposals for the targets that matter, worst first, with the reason for each that is refused."""
    proposals, refused, sound = [], [], []
    changed: dict[str, Present] = {}
    for target in targets:
        present = now.get(target.name)
        if present is None:
            continue  # this version has no such setting
        if not target.is_material(present, place.exact):
            sound.append(target.name)
            continue
        why = refusal(place.provider, present.fact)
        if why is None and present.source in _HIDDEN_BY_ROLE:
            why = "the role that reads has a value of its own (ALTER ROLE), so the server's is not visible"
        if why is None and place.standby and target.name in _PRIMARY_FIRST and float(target.value) < present.number:
            why = "a standby does not start with less than its primary has; lower it there first"
        if why is not None:
            if not sizes_itself(place.provider, target.name):
                why += f"; {show(present.fact, target.text(present.fact))} would be better"
            refused.append((target.name, why))
            continue
        try:
            value = target.text(present.fact)
        except ValueRefused as error:
            refused.append((target.name, str(error)))
            continue
        changed[target.name] = replace(present, text=value)
        proposals.append(_proposal(now, target, present, value, place))
    proposals.sort(key=lambda p: Severity(p.severity).rank)
    return Outcome(proposals=tuple(proposals), refused=tuple(refused), sound=tuple(sound), after=now.replaced(changed))


def _proposal(now: Configuration, target: Target, present: Present, value: str, place: Place) -> SettingProposal:
    allowed = now.get("allow_alter_system")
    change = Change(
        present=present,
        value=value,
        database=place.database,
        stored=place.stored(target.name),
        alter_system=allowed is None or allowed.text == "on",
        file=place.file,
    )
    reason = target.reason
    if target.name in _PRIMARY_FIRST and not place.exact:
        reason += " Standbys need at least the same value: raise it there first, lower it there last."
    for item in place.role_settings:
        if item.name == target.name and item.role is not None:
            reason += f" Role {item.role} has its own value ({item.value}), which this does not change."
    return SettingProposal(
        name=target.name,
        current=present.shown,
        current_source=present.source_label,
        proposed=show(present.fact, value),
        reason=reason,
        restart=present.fact.needs_restart,
        apply_sql=apply_lines(place.provider, change),
        undo_sql=undo_lines(place.provider, change),
        confidence=target.confidence,
        severity=target.severity,
        evidence=dict(target.evidence),
    )
