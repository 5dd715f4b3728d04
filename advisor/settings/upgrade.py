"""What an upgrade does to a configuration: settings that are gone, and defaults that a new cluster changes."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.snapshot import Snapshot
from advisor.model.upgrade import SettingChange
from advisor.settings.facts import settings_of

# Written by initdb for the machine it runs on, or describing the build: a difference means nothing.
_OF_THE_MACHINE = frozenset(
    """
    server_version server_version_num lc_messages lc_monetary lc_numeric lc_time timezone log_timezone config_file
    data_directory hba_file ident_file external_pid_file krb_server_keyfile unix_socket_directories
    dynamic_shared_memory_type default_text_search_config
    shared_memory_size shared_memory_size_in_huge_pages max_identifier_length
    """.split()  # noqa: SIM905 (a list of one string per line would be 20 lines)
)
_DEFAULTS = ("default", "override")


def setting_changes(snapshot: Snapshot, to: int) -> Iterator[SettingChange]:
    """Yield settings that were set here and no longer exist, and defaults in force here that are others there."""
    before, after = settings_of(snapshot.server.major), settings_of(to)
    for setting in snapshot.settings:
        name = setting.name
        if name in _OF_THE_MACHINE or "." in name or name not in before:
            continue
        value = setting.setting or ""
        if name not in after:
            if setting.source not in _DEFAULTS:
                gone = f"PostgreSQL {to} will not start with it: take it out of the configuration."
                yield SettingChange(name=name, kind="removed", before=value, after=None, detail=gone)
            continue
        old, new = before[name], after[name]
        if setting.source in _DEFAULTS and old.default != new.default:
            yield SettingChange(
                name=name, kind="default", before=old.default, after=new.default,
                detail="You run with the default, and the default changes; set the old value to keep it.",
            )  # fmt: skip
        elif setting.source not in _DEFAULTS and new.enumvals and value not in new.enumvals:
            yield SettingChange(
                name=name, kind="range", before=value, after=", ".join(new.enumvals),
                detail="The value you set is not allowed any more.",
            )  # fmt: skip
