"""Migrations run on a private database: what they lock, rewrite and break, and what becomes of the workload."""

from __future__ import annotations

from advisor.whatif.migration.rehearse import Rehearsal, RehearsalOptions, rehearse

__all__ = ["Rehearsal", "RehearsalOptions", "rehearse"]
