"""Reads rules/ into Rules: every folder with a rule.toml is one rule, its path is the rule's id. No list to extend.

A folder holds rule.toml (what the rule is), query.sql and query.<major>.sql (a collection query; the text for the
nearest lower major is used), check.py (judgement) and README.md. CONTRIBUTING.md says how to write one.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from advisor.errors import UsageError
from advisor.model.finding import Confidence, Severity
from advisor.model.snapshot import Snapshot
from advisor.resources import resource_dir
from advisor.ruletext import check_template
from advisor.units import parse_duration, parse_size

SUBJECTS = frozenset({"health", "index", "settings", "retention", "workload"})
# What a check may ask for, by parameter name.
CHECK_ARGUMENTS = frozenset({"snapshot", "params", "rows", "catalog"})
# Rules about migrations judge statements, not snapshots: advisor.gate.rulebook reads them.
MIGRATIONS = "migrations"
_SNAPSHOT_PARTS = frozenset(Snapshot.__dataclass_fields__)

# Folders with rules of another kind: hazards of migrations have a loader and a format of their own (advisor/gate).
_OTHER_BOOKS = frozenset({"migrations"})

ParamValue = float | bool | str


class RuleInvalid(UsageError):
    """A rule folder that cannot be used: rule.toml, query or check is wrong; the message names the file."""


class Needs(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a rule must have to be judged; without it the rule is skipped with the reason, never passed."""

    parts: tuple[str, ...] = ()  # fields of Snapshot
    min_major: int | None = None
    max_major: int | None = None
    extensions: tuple[str, ...] = ()  # 'pg_stat_statements', 'pg_stat_statements>=1.9'
    privileges: tuple[str, ...] = ()  # roles to be a member of: 'pg_read_all_stats'
    primary: bool = False  # not on a standby


class Param(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A threshold with its unit; people may set another value in pgadvise.toml."""

    default: int | float | bool | str
    unit: str  # one of UNITS
    about: str


class Wording(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Templates of the finding's prose."""

    title: str
    detail: str


class RemedyTemplates(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Templates of what a person can run."""

    sql: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    lock: str | None = None
    note: str | None = None


class Metadata(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """rule.toml."""

    title: str
    severity: Severity
    confidence: Confidence
    finding: Wording
    subject: str = "health"
    needs: Needs = Needs()
    params: dict[str, Param] = {}
    remedy: RemedyTemplates = RemedyTemplates()
    aliases: tuple[str, ...] = ()
    docs: tuple[str, ...] = ()
    # More findings than this become one line that counts the rest.
    most: int = 50


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{value!r} is not a number.")
    return float(value) if isinstance(value, float) else value


def _fraction(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise UsageError(f"{value!r} is not a fraction between 0 and 1.")
    return number


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{value!r} is neither true nor false.")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{value!r} is not a text.")
    return value


# Units of parameters, and what turns the written value into the checked one (bytes, seconds, numbers).
UNITS: Mapping[str, Callable[[Any], ParamValue]] = {
    "size": lambda value: parse_size(_text(value)),
    "duration": lambda value: parse_duration(_text(value)),
    "count": _number,
    "number": _number,
    "fraction": _fraction,
    "flag": _flag,
    "text": _text,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule folder."""

    id: str  # 'indexes/invalid_index'
    folder: Path
    metadata: Metadata
    queries: Mapping[int, Path] = field(default_factory=dict)  # from this major on; 0: from the oldest
    has_check: bool = False

    @property
    def title(self) -> str:
        return self.metadata.title

    @property
    def severity(self) -> Severity:
        return self.metadata.severity

    @property
    def needs(self) -> Needs:
        return self.metadata.needs

    @property
    def params(self) -> Mapping[str, Param]:
        return self.metadata.params

    def query(self, major: int) -> str | None:
        """Return the collection query for a server of this major, or None when the rule has none."""
        fitting = [since for since in self.queries if since <= major]
        return self.queries[max(fitting)].read_text(encoding="utf-8") if fitting else None

    @property
    def aliases(self) -> tuple[str, ...]:
        return self.metadata.aliases

    @property
    def readme(self) -> str:
        """Return the rule's documentation (Markdown)."""
        path = self.folder / "README.md"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def values(self, overrides: Mapping[str, Any]) -> dict[str, ParamValue]:
        """Return the parameters in bytes, seconds and numbers; raises UsageError for an unknown or wrong override."""
        for name in overrides:
            if name not in self.params:
                known = ", ".join(sorted(self.params)) or "none"
                raise UsageError(f"The rule {self.id} has no parameter '{name}'.", f"It has: {known}.")
        found: dict[str, ParamValue] = {}
        for name, param in self.params.items():
            try:
                found[name] = UNITS[param.unit](overrides.get(name, param.default))
            except UsageError as error:
                raise UsageError(f"Parameter '{name}' of rule {self.id}: {error.message}", error.hint) from error
        return found

    def check(self) -> Callable[..., Iterable[Any]]:
        """Return the function `check` of check.py; raises RuleInvalid when it cannot be used."""
        return _load_check(self.folder / "check.py")

    def describe(self) -> dict[str, Any]:
        """Return the rule as JSON-able data: id, title, severity, confidence, subject, needs, params, aliases, docs."""
        return {
            "id": self.id,
            "title": self.title,
            "severity": str(self.severity),
            "confidence": str(self.metadata.confidence),
            "subject": self.metadata.subject,
            "needs": {name: value for name, value in msgspec.to_builtins(self.needs).items() if value},
            "params": msgspec.to_builtins(dict(self.params)),
            "aliases": list(self.metadata.aliases),
            "docs": list(self.metadata.docs),
        }


def load_rules(*folders: Path) -> tuple[Rule, ...]:
    """Return the rules under `folders` (default: the rules that come with pgadvise), ordered by id.

    Raises RuleInvalid for the first folder that is broken, naming file and reason.
    """
    found: dict[str, Rule] = {}
    for root in folders or (resource_dir("rules"),):
        for path in sorted(root.rglob("rule.toml")):
            if path.relative_to(root).parts[0] == MIGRATIONS:
                continue
            rule = _load_rule(root, path)
            if rule.id in found:
                raise RuleInvalid(f"The rule {rule.id} exists twice: in {found[rule.id].folder} and {rule.folder}.")
            found[rule.id] = rule
    names = {name: rule.id for rule in found.values() for name in rule.metadata.aliases}
    for alias, owner in names.items():
        if alias in found:
            raise RuleInvalid(f"The alias '{alias}' of rule {owner} is the id of another rule.")
    return tuple(found[name] for name in sorted(found))


def find_rule(rules: Iterable[Rule], name: str) -> Rule:
    """Return the rule with this id, alias or (where it is unique) last part of the id; raises UsageError."""
    rules = tuple(rules)
    exact = [rule for rule in rules if name == rule.id or name in rule.metadata.aliases]
    short = [rule for rule in rules if rule.id.rpartition("/")[2] == name]
    if exact or len(short) == 1:
        return (exact or short)[0]
    near = difflib.get_close_matches(name, [rule.id for rule in rules], n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`pgadvise rules` lists them."
    raise UsageError(f"There is no rule '{name}'.", hint)


def _load_rule(root: Path, path: Path) -> Rule:
    folder = path.parent
    try:
        metadata = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Metadata)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RuleInvalid(f"{path} is not a valid rule: {error}.") from error
    rule_id = folder.relative_to(root).as_posix()
    problem = _problem(rule_id, metadata)
    if problem is not None:
        raise RuleInvalid(f"{path} is not a valid rule: {problem}.")
    queries: dict[int, Path] = {}
    for query in folder.glob("query*.sql"):
        version = query.name.removeprefix("query").removesuffix(".sql").lstrip(".")
        if version and not version.isdigit():
            raise RuleInvalid(
                f"{query} has no valid name.", "Call it query.sql or query.17.sql (from PostgreSQL 17 on)."
            )
        queries[int(version or 0)] = query
    has_check = (folder / "check.py").is_file()
    if not queries and not has_check:
        raise RuleInvalid(f"{folder} has neither query.sql nor check.py, so the rule can find nothing.")
    return Rule(id=rule_id, folder=folder, metadata=metadata, queries=queries, has_check=has_check)


def _problem(rule_id: str, metadata: Metadata) -> str | None:
    """Return what is wrong with values that fit their types, or None."""
    if rule_id.count("/") != 1:
        return "a rule's folder lies two levels deep: <subject>/<name_of_the_problem>"
    if metadata.subject not in SUBJECTS:
        return f"subject '{metadata.subject}' is none of {', '.join(sorted(SUBJECTS))}"
    unknown = sorted(set(metadata.needs.parts) - _SNAPSHOT_PARTS)
    if unknown:
        return f"needs.parts names '{unknown[0]}', which is no part of a snapshot"
    for name, param in metadata.params.items():
        if param.unit not in UNITS:
            return f"unit '{param.unit}' of parameter '{name}' is none of {', '.join(sorted(UNITS))}"
        try:
            UNITS[param.unit](param.default)
        except UsageError as error:
            return f"parameter '{name}': {error.message.rstrip('.')}"
    return None


def check_templates(rule: Rule) -> None:
    """Raise RuleInvalid when a template of the rule does not compile. Not done on loading, which must be fast."""
    prose = [rule.metadata.finding.title, rule.metadata.finding.detail]
    prose += [text for text in (rule.metadata.remedy.lock, rule.metadata.remedy.note) if text is not None]
    try:
        for text in prose:
            check_template(text)
        for text in (*rule.metadata.remedy.sql, *rule.metadata.remedy.undo):
            check_template(text, as_sql=True)
    except jinja2.TemplateError as error:
        raise RuleInvalid(f"A template in {rule.folder / 'rule.toml'} is wrong: {error}.") from error


@cache
def _load_check(path: Path) -> Callable[..., Iterable[Any]]:
    name = "advisor_rule_" + "_".join(path.parent.parts[-2:])
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RuleInvalid(f"{path} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError, OSError) as error:
        raise RuleInvalid(f"{path} cannot be loaded: {error}.") from error
    check = getattr(module, "check", None)
    if not callable(check):
        raise RuleInvalid(f"{path} has no function `check`.")
    wanted = set(inspect.signature(check).parameters)
    if not wanted <= CHECK_ARGUMENTS:
        raise RuleInvalid(
            f"`check` in {path} asks for {', '.join(sorted(wanted - CHECK_ARGUMENTS))}.",
            f"It can have: {', '.join(sorted(CHECK_ARGUMENTS))}.",
        )
    return check  # type: ignore[no-any-return]
