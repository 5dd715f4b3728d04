"""What rules about standbys share: which were read, which were not, and how the primary lists them."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.offence import Unjudged
from advisor.model.replica import Replica, Standby
from advisor.model.snapshot import Snapshot


def read_standbys(snapshot: Snapshot) -> tuple[Replica, ...]:
    """Return the standbys that were read themselves."""
    return tuple(replica for replica in snapshot.replicas if replica.is_read)


def unread_standbys(snapshot: Snapshot) -> Iterator[Unjudged]:
    """Yield, in one sentence, that standbys which are there were not looked at."""
    unread = [replica.name for replica in snapshot.replicas if not replica.is_read]
    connected = sum(not standby.is_logical and standby.state == "streaming" for standby in snapshot.standbys)
    unasked = connected - len(snapshot.replicas)
    if unread:
        yield Unjudged(why=f"not read: {', '.join(unread)} (see the gaps)")
    elif unasked > 0:
        standbys = "a connected standby was" if unasked == 1 else f"{unasked} connected standbys were"
        yield Unjudged(why=f"{standbys} not read: give --replica DSN")


def listed(snapshot: Snapshot, replica: Replica) -> Standby | None:
    """Return the primary's row of this standby; None where the name it goes by is missing or not unique."""
    name = replica.state.listed_as if replica.state is not None else None
    slot = replica.state.slot_name if replica.state is not None else None
    by_slot = [standby for standby in snapshot.standbys if slot is not None and standby.slot_name == slot]
    if len(by_slot) == 1:
        return by_slot[0]
    by_name = [standby for standby in snapshot.standbys if standby.application_name == name]
    return by_name[0] if len(by_name) == 1 else None
