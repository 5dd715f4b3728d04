"""The JSON Schema of a policy file, for editors and for tools that write policies."""

from __future__ import annotations

from typing import Any

from advisor.retention.policy import BASES, CLASSES, ENFORCEMENTS, EPOCHS, EXCLUDE_REASONS

_WINDOW = {
    "type": "string",
    "pattern": r"^\s*(\d+(\.\d+)?\s*[A-Za-z]+\s*,?\s*)+$",
    "description": 'A span with its unit: "90 days", "6 months", "30d".',
}
_SIZE = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[kKMGTP]?B\s*$", "description": 'With its unit: "50 GB".'}
_TABLE_NAME = {"type": "string", "description": '"schema.table"; quote odd names; * stands for anything.'}


def policy_schema() -> dict[str, Any]:
    """Return the schema of a policy file that stands alone; below [retention] in pgadvise.toml it is the same."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pgadvise retention policy",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1},
            "defaults": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "tolerance": _WINDOW,
                    "timezone": {"type": "string"},
                    "class": _class(),
                    "max_size": _SIZE,
                },
            },
            "undeclared_tables": {"enum": ["warn", "ignore"]},
            "default_windows": {"type": "boolean"},
            "tables": _one_or_many(_table()),
            "exclude": _one_or_many(_exclusion()),
        },
    }


def _one_or_many(entry: dict[str, Any]) -> dict[str, Any]:
    named = {**entry, "required": [key for key in entry["required"] if key != "table"]}
    return {"oneOf": [{"type": "array", "items": entry}, {"type": "object", "additionalProperties": named}]}


def _class() -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({'|'.join(CLASSES)})(/.*)?$"}


def _table() -> dict[str, Any]:
    tier = {
        "type": "object",
        "additionalProperties": False,
        "required": ["table", "bucket", "keep"],
        "properties": {
            "table": _TABLE_NAME,
            "bucket": _WINDOW,
            "keep": _WINDOW,
            "key": {"type": "array", "items": {"type": "string"}},
            "time_column": {"type": "string"},
            "min_group": {"type": "integer", "minimum": 1, "maximum": 100},
        },
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["table", "keep"],
        "properties": {
            "table": _TABLE_NAME,
            "class": _class(),
            "time_column": {"type": "string"},
            "basis": {"enum": list(BASES)},
            "keep": {"anyOf": [_WINDOW, {"enum": ["permanent", "forever"]}]},
            "max_age": _WINDOW,
            "tolerance": _WINDOW,
            "enforcement": {"enum": list(ENFORCEMENTS)},
            "epoch": {"enum": list(EPOCHS)},
            "timezone": {"type": "string"},
            "keep_where": {"type": "string"},
            "keep_where_max": _WINDOW,
            "partition": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "interval": {"anyOf": [_WINDOW, {"const": "auto"}]},
                    "premake": {"type": "integer", "minimum": 1, "maximum": 100},
                    "default_partition": {"type": "string"},
                },
            },
            "tiers": _one_or_many(tier),
            "archive": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"after": _WINDOW, "to": {"type": "string"}},
            },
            "forbid_delete": {"type": "boolean"},
            "pause": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"until": {}, "reason": {"type": "string"}},
            },
            "legal_basis": {"type": "string"},
            "owner": {"type": "string"},
            "note": {"type": "string"},
            "max_size": _SIZE,
        },
    }


def _exclusion() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["table", "reason"],
        "properties": {
            "table": _TABLE_NAME,
            "reason": {"enum": list(EXCLUDE_REASONS)},
            "note": {"type": "string"},
            "work_item": {"type": "string"},
        },
    }
