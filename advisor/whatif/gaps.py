"""What the twin lacks, as gaps of a report."""

from __future__ import annotations

from advisor.model.snapshot import Gap

# How the line begins that says the twin is of another major.
OTHER_MAJOR = "the twin is PostgreSQL"
_ALIKE = 5  # of many like each other (300 partitions) the first few and a count


def twin_gaps(degraded: tuple[str, ...], major: int) -> list[Gap]:
    """Return the lines of `degraded` as gaps; `major` is production's."""
    alike: dict[str, list[str]] = {}
    for line in degraded:
        alike.setdefault(line.partition(" ")[0], []).append(line)
    gaps = []
    for kind, lines in alike.items():
        shown = list(lines if len(lines) <= _ALIKE + 1 else lines[:_ALIKE])
        if len(shown) < len(lines):
            shown.append(f"{len(lines) - len(shown)} more like these ({kind} …)")
        gaps += [_gap(line, major) for line in shown]
    return gaps


def _gap(line: str, major: int) -> Gap:
    if line.startswith(OTHER_MAJOR):
        return Gap(
            what="twin",
            why=line,
            fix=f"Install PostgreSQL {major}'s server package on this machine, or give --twin-image postgres:{major}.",
            costs="exact costs; a few statements may get another plan here",
        )
    return Gap(what="twin", why=line, costs="statements that need it are planned without it")
