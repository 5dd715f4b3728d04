"""The errors a user can meet: one sentence, what to do next, and an exit code."""

from __future__ import annotations


class AdvisorError(Exception):
    """Something a person can act on. `message` is one sentence; `hint` says what to do next.

    The command line prints both on standard error and leaves with `exit_code`:
    2 for wrong usage or configuration, 3 when the job could not be done.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} {self.hint}"


class UsageError(AdvisorError):
    """Wrong flags, an unreadable file, a bad configuration or policy."""

    exit_code = 2


class ConnectionFailed(AdvisorError):
    """No usable session with the server: host, password, database, TLS, version, pooler."""


class ServerLost(AdvisorError):
    """The server went away in the middle of the work."""


class TwinFailed(AdvisorError):
    """The planner twin could not be started or built."""


class HistoryFailed(AdvisorError):
    """The history cannot be opened, read or written: a full disk, no permission, a server that is away."""


class DeliveryFailed(AdvisorError):
    """A report that could not be handed on: mail, webhook, metrics file. Its other outputs have gone out."""


class SnapshotInvalid(AdvisorError):
    """A snapshot file that cannot be read: damaged, not a snapshot, or from a newer version."""

    exit_code = 2
