"""One run per target at a time on this machine, so that slow runs do not pile up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from advisor.errors import AdvisorError


class Busy(AdvisorError):
    """Another run looks at the same target."""


@contextmanager
def target_lock(identity: str, shown: str, folder: Path | None = None) -> Iterator[None]:
    """Hold the lock of a target while the code inside runs; gone with the process, however that ends.

    `identity` tells targets apart and may hold anything; `shown` is what people read. Raises Busy at once when
    another process has it.
    """
    # Neither is needed by a run that locks nothing.
    from filelock import FileLock, Timeout
    from platformdirs import user_state_path

    place = folder or user_state_path("pgadvise") / "locks"
    path = place / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.lock"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(path, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise Busy(
            f"Another run of pgadvise is still looking at {shown}; this one has not begun.",
            "Give runs more time between them, or less work (--max-time, --what-if none).",
        ) from error
    except OSError as error:
        raise AdvisorError(
            f"The lock in {place} cannot be made: {error.strerror}.", "XDG_STATE_HOME names another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()
