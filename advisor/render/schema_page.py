"""The published form of the JSON schema, and the page that explains it; both are made from advisor.render.document."""

from __future__ import annotations

import json
from typing import Any

from advisor.render.document import SCHEMA_VERSION
from advisor.render.json_ import json_schema

_INTRODUCTION = f"""\
# The JSON report, version {SCHEMA_VERSION}

`pgadvise report --format json` prints one object. `pgadvise schema` prints its JSON Schema, which is also in
[schema/report-v{SCHEMA_VERSION}.json](schema/report-v{SCHEMA_VERSION}.json).

What you can rely on:

- `schema_version` is {SCHEMA_VERSION}. A change that breaks a reader gets a new number.
- Every key below is always there. New keys may appear: ignore what you do not know.
- Every list is in a fixed order: two runs over the same snapshot give the same text, but for times and timings.
- Times are ISO 8601 in UTC. Sizes are bytes, times of execution milliseconds, costs planner units.
- There is no NaN and no Infinity: what is not known is `null`.
- Names of relations are quoted where SQL needs it; keys of findings and actions hold no OID.
- Texts of statements are cut after 4,000 characters, with a note of what was left out.

```sh
pgadvise report --format json | jq -r '.actions[] | "\\(.severity)\\t\\(.title)"'
pgadvise report --format json | jq -r '.indexes.create[].ddl + ";"'
pgadvise report --format json | jq '.findings[] | select(.severity == "critical")'
```

This page is made from the schema: `python -m tests.render.regenerate`.
"""


def schema_text() -> str:
    """Return the schema as it is published."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def schema_page() -> str:
    """Return the Markdown page: one table of keys per object, the report first."""
    schema = json_schema()
    objects: dict[str, Any] = schema["$defs"]
    first = schema["$ref"].rsplit("/", 1)[-1]
    names = [first, *(name for name in objects if name != first)]
    parts = [_INTRODUCTION]
    for name in names:
        description = objects[name].get("description", "")
        parts.append(f"## {_title(name)}\n\n{description}\n")
        rows = [
            f"| `{key}` | {_type(value)} | {value.get('description', '')} |"
            for key, value in objects[name]["properties"].items()
        ]
        parts.append("\n".join(("| key | type | meaning |", "|---|---|---|", *rows)) + "\n")
    return "\n".join(parts)


def _title(name: str) -> str:
    return "The report" if name == "Document" else name.removesuffix("Part")


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = _title(value["$ref"].rsplit("/", 1)[-1])
        return f"[{name}](#{name.lower().replace(' ', '-')})"
    if "anyOf" in value:
        return " or ".join(_type(choice) for choice in value["anyOf"])
    kind = value.get("type", "anything")
    if kind == "array":
        return f"list of {_type(value.get('items', {}))}"
    if value.get("format") == "date-time":
        return "time"
    return str(kind)
