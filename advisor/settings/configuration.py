"""The configuration being judged: a live server's, a file's, or a fresh installation's, all in one shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.model.server import Setting
from advisor.model.snapshot import Snapshot
from advisor.settings.facts import Fact, fact_from_server, settings_of
from advisor.settings.values import show, unit_bytes

# Sources that say nothing of the server's own configuration: the reading session's own values.
_SESSION_SOURCES = ("session", "client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """One setting as it is now. `text` is in the setting's unit, as in pg_settings.setting."""

    fact: Fact
    text: str
    source: str = "default"  # pg_settings.source, or "file" for a reviewed one
    where: str | None = None  # "/etc/postgresql/15/main/postgresql.conf line 12"
    sourcefile: str | None = None
    pending_restart: bool = False
    from_server: bool = False  # the fact comes from the server itself: enum values are its build's

    @property
    def name(self) -> str:
        return self.fact.name

    @property
    def number(self) -> float:
        """The value in the setting's unit."""
        return float(self.text)

    @property
    def shown(self) -> str:
        """The value as a configuration file has it: 8GB."""
        return show(self.fact, self.text)

    @property
    def source_label(self) -> str:
        """Where the value is from, for people."""
        if self.sourcefile is not None and self.sourcefile.endswith("postgresql.auto.conf"):
            return f"ALTER SYSTEM ({self.where})"
        return self.where or self.source


class Configuration:
    """Settings by name, with memory in bytes."""

    def __init__(self, major: int, present: Mapping[str, Present]) -> None:
        self.major = major
        self._present = dict(present)

    def __contains__(self, name: str) -> bool:
        return name in self._present

    def get(self, name: str) -> Present | None:
        """Return the setting, or None where this version has no such setting or it could not be read."""
        return self._present.get(name)

    def __getitem__(self, name: str) -> Present:
        return self._present[name]

    def number(self, name: str) -> float:
        """Return the value in the setting's unit. Raises KeyError."""
        return self._present[name].number

    def size(self, name: str) -> int:
        """Return a memory setting in bytes; -1 stays -1."""
        present = self._present[name]
        return -1 if present.number < 0 else int(present.number * unit_bytes(present.fact))

    def is_on(self, name: str) -> bool:
        """Return whether a switch exists and is on."""
        present = self._present.get(name)
        return present is not None and present.text == "on"

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._present))

    def replaced(self, changes: Mapping[str, Present]) -> Configuration:
        """Return a copy with `changes` in it."""
        return Configuration(self.major, self._present | dict(changes))


def fresh_configuration(major: int) -> Configuration:
    """Return what a new cluster of `major` has. Raises UsageError."""
    return Configuration(
        major, {name: Present(fact=fact, text=fact.default) for name, fact in settings_of(major).items()}
    )


def server_configuration(snapshot: Snapshot) -> Configuration:
    """Return the server's configuration, without what the reading session set for itself."""
    return Configuration(
        snapshot.server.major, {s.name: _present(s) for s in snapshot.settings if s.setting is not None}
    )


def _present(setting: Setting) -> Present:
    fact = fact_from_server(setting)
    text, source = setting.setting, setting.source
    if source in _SESSION_SOURCES:
        # reset_val is what the session began with: the server's value for SET, our own for options of the connection.
        text = setting.boot_val if source == "client" else setting.reset_val
        source = "default" if text == setting.boot_val else "configuration"
    where = None
    if setting.sourcefile is not None:
        where = f"{setting.sourcefile} line {setting.sourceline}"
    return Present(
        fact=fact,
        text=text or "",
        source=source,
        where=where,
        sourcefile=setting.sourcefile,
        pending_restart=setting.pending_restart,
        from_server=True,
    )
