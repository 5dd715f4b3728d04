"""Writes docs/rules.md from the rule folders: `.venv/bin/python docs/make_rules.py`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from advisor.rulebook import Rule, load_rules

TARGET = Path(__file__).with_name("rules.md")
HEAD = """\
# Health rules

<!-- Written by docs/make_rules.py from the folders under rules/; edit these and run it again. -->

{count} rules. Each is one folder under `rules/`; [CONTRIBUTING.md](../CONTRIBUTING.md) says how to add one. A rule that
lacks what it needs (a privilege, an extension, a version) is reported as skipped with the reason, never as passed.

Thresholds, severities and whole rules are changed in `pgadvise.toml`:

```toml
[rules."tables/dead_rows"]
min_dead_rows = 50000
severity = "low"

[rules."tables/json_column"]
enabled = false
```
"""


def rules_markdown() -> str:
    """Return the text of docs/rules.md."""
    rules = load_rules()
    parts = [HEAD.format(count=len(rules)), "| rule | severity | what it finds |\n|---|---|---|"]
    parts[-1] += "".join(f"\n| [{rule.id}](#{_anchor(rule)}) | {rule.severity} | {rule.title} |" for rule in rules)
    for subject, group in groupby(rules, key=lambda rule: rule.id.partition("/")[0]):
        parts.append(f"## {subject.capitalize()}")
        parts += ["\n\n".join(_section(rule)) for rule in group]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _anchor(rule: Rule) -> str:
    return rule.id.replace("/", "").lower()


def _section(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}"
    yield f"**{rule.title}.** Severity {rule.severity}, confidence {rule.metadata.confidence}.{_needs(rule)}"
    body = rule.readme.split("\n## ")[1:]
    for section in body:
        heading, _, text = section.partition("\n")
        yield f"*{heading.strip()}.* {text.strip()}"
    if rule.params:
        lines = ["| parameter | default | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | {param.default} | {param.about} |" for name, param in rule.params.items()]
        yield "\n".join(lines)
    if rule.metadata.docs:
        yield "See " + ", ".join(f"<{link}>" for link in rule.metadata.docs) + "."


def _needs(rule: Rule) -> str:
    needs = rule.needs
    wanted = [part.replace("_", " ") for part in needs.parts]
    wanted += [f"PostgreSQL {needs.min_major} or newer"] if needs.min_major else []
    wanted += [f"PostgreSQL {needs.max_major} or older"] if needs.max_major else []
    wanted += [f"the extension {name}" for name in needs.extensions]
    wanted += [f"the privileges of {role}" for role in needs.privileges]
    wanted += ["its own query"] if rule.queries else []
    return f" Needs {', '.join(wanted)}." if wanted else ""


if __name__ == "__main__":
    TARGET.write_text(rules_markdown(), encoding="utf-8")
