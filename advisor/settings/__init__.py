"""Settings, capacity and review: pure, given a snapshot or the facts of a host."""

from __future__ import annotations

from advisor.settings.advise import advise_for_host, advise_settings
from advisor.settings.capacity import Assumptions, capacity, capacity_for_host, parse_peaks
from advisor.settings.options import SettingsOptions, parse_cores, parse_ram, parse_share, parse_users
from advisor.settings.review import review_conf

__all__ = [
    "Assumptions",
    "SettingsOptions",
    "advise_for_host",
    "advise_settings",
    "capacity",
    "capacity_for_host",
    "parse_cores",
    "parse_peaks",
    "parse_ram",
    "parse_share",
    "parse_users",
    "review_conf",
]
