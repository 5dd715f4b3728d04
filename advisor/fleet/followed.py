"""What became of proposals over the whole fleet: how many were followed, how many did what they promised. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from advisor.model.history import Changes

# Of one database, and of the fleet: what harms or is not used, with the way back.
_OF_ONE, _OF_ALL = 20, 500
_BAD = ("harmful", "unused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Regretted:
    """A change that does harm or is not used."""

    target: str
    title: str
    state: str  # harmful, unused
    why: str
    undo: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The ledger of one database in numbers: by kind (index, drop, setting) the followed, the judged and the hits."""

    numbers: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    regretted: tuple[Regretted, ...] = ()


@dataclass
class FleetLedger:
    """The same of all databases."""

    databases: int = 0  # with a proposal that was followed
    numbers: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    regretted: list[Regretted] = field(default_factory=list)

    def add(self, found: Followed) -> None:
        """Count one database in."""
        self.databases += bool(found.numbers)
        for kind, numbers in found.numbers:
            old = self.numbers.get(kind, (0, 0, 0))
            self.numbers[kind] = (old[0] + numbers[0], old[1] + numbers[1], old[2] + numbers[2])
        self.regretted += found.regretted[: max(_OF_ALL - len(self.regretted), 0)]

    @property
    def totals(self) -> tuple[int, int, int]:
        """How many were followed, judged, and did what they promised."""
        followed, judged, hits = (sum(numbers) for numbers in zip(*self.numbers.values(), strict=True))
        return followed, judged, hits


def followed(changes: Changes | None, target: str) -> Followed:
    """Return the ledger of a report in numbers; empty without a history."""
    entries = [e for e in (changes.ledger if changes is not None else ()) if e.state not in ("open", "lapsed")]
    numbers = []
    for kind in sorted({entry.kind for entry in entries}):
        of_kind = [entry for entry in entries if entry.kind == kind]
        judged = [entry for entry in of_kind if entry.verdict]
        numbers.append((kind, (len(of_kind), len(judged), sum(entry.verdict == "verified" for entry in judged))))
    regretted = tuple(
        Regretted(target=target, title=entry.title, state=entry.state, why=entry.why, undo=entry.undo)
        for entry in entries
        if entry.state in _BAD
    )
    return Followed(numbers=tuple(numbers), regretted=regretted[:_OF_ONE])


def words(ledger: FleetLedger) -> str:
    """Return the hit rate of the fleet in one line; empty where nothing was followed.

    >>> words(FleetLedger(databases=2, numbers={"index": (5, 4, 3)}))
    '5 were followed in 2 databases; of 4 that could be measured, 3 did what they promised (75%)'
    """
    if not ledger.numbers:
        return ""
    count, judged, hits = ledger.totals
    one = f"{count} {'was' if count == 1 else 'were'} followed in {ledger.databases} "
    one += "database" if ledger.databases == 1 else "databases"
    if not judged:
        return f"{one}; none could be measured yet"
    return f"{one}; of {judged} that could be measured, {hits} did what they promised ({hits / judged:.0%})"


def kinds(ledger: FleetLedger) -> Iterable[tuple[str, int, int, int]]:
    """Yield each kind with its followed, judged and hits."""
    for kind, (count, judged, hits) in sorted(ledger.numbers.items()):
        yield kind, count, judged, hits
