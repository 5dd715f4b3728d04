"""The static findings corrected by the run: where the two disagree, what was measured wins and the finding says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from advisor.gate.locks import BLOCKING
from advisor.gate.seconds import estimate_seconds
from advisor.gate.state import State
from advisor.gate.static import shown
from advisor.model.migration import GateFinding, Hazard
from advisor.model.names import RelationName
from advisor.whatif.migration.observe import STRENGTH
from advisor.whatif.migration.run import FileRun, StepRun
from advisor.whatif.migration.session import LOST, Refused

# Rules that foresee a failure: one of them on a statement that fails explains it.
_FORESEEN = frozenset(
    {
        "concurrently_in_transaction", "concurrently_on_partitioned", "add_column_required",
        "blocked_by_dependent_view", "inherited_column_conflict", "enum_value_used_in_same_transaction",
        "syntax_error", "nested_transaction", "drop_database", "matview_refresh_fails", "identifier_too_long",
    }
)  # fmt: skip
_REWRITES = frozenset({"type_change_rewrite", "add_column_rewrite", "storage_rewrite"})
_NO_RELATION = frozenset({"drop_schema", "drop_database"})
# Refusals that say something of the rehearsal, not of the migration: no rows, no privileges, no other server.
_WITHOUT_ROWS = ("P0", "21", "22", "23")
_REAL_WITHOUT_ROWS = frozenset({"23505", "23514", "22P02"})
_ENVIRONMENT = frozenset({"42501", "0LP01", "58P01", "XX000", "55000", "57P03", "08001"})
_TIMEOUTS = frozenset({"57014", "57P01", LOST})
_NO_MATVIEW = "is not a materialized view"
# What of it concerns the machine the server runs on.
_OUTSIDE = re.compile(r"program|\bfile\b|pg_read_|pg_ls_|pg_stat_file|lo_import|lo_export|pg_file_", re.IGNORECASE)
_BUILD = re.compile(r"not supported (by|in) this (build|server|platform)|without .* support", re.IGNORECASE)
_LANGUAGE = re.compile(r'language "?(\w+)"?', re.IGNORECASE)
_FILE_OR_PROGRAM = ("copy", "do", "select", "create_function", "call")


class Verdict:
    """Corrects the findings of one file. `state` gives sizes by the names of the start."""

    def __init__(self, run: FileRun, state: State, missing: set[str]) -> None:
        self._run = run
        self._state = state
        self._doubtful = bool(missing)
        self.notes: list[str] = []

    def revise(self, findings: list[GateFinding]) -> list[GateFinding]:
        """Return the findings as measured."""
        left: dict[tuple[int, str], list[GateFinding]] = {}
        for finding in findings:
            left.setdefault((finding.line, finding.statement), []).append(finding)
        revised: list[GateFinding] = []
        failed = False
        for step in self._run.steps:
            own = left.pop((step.line, shown(step.sql)), [])
            if step.skipped is not None:
                self._doubtful = True
                revised += own
                continue
            if step.refused is not None:
                found = list(self._failure(step, step.refused, own, failed))
                failed = failed or bool(found) or any(f.rule in _FORESEEN for f in own)
                revised += own + found
                continue
            if step.measured:
                own = list(self._corrected(step, own))
                own += self._unseen(step, own)
            revised += own
        revised += [finding for rest in left.values() for finding in rest]
        if self._run.stopped is not None:
            self.notes.append(f"{self._run.path}: the run ended early: {self._run.stopped}.")
        if self._run.left_open and not any(f.rule == "uncommitted_transaction" for f in revised) and self._run.steps:
            message = "A transaction is still open when the file ends: its work is lost or its locks stay."
            revised.append(
                self._finding("uncommitted_transaction", "high", self._run.steps[-1], message, "transaction")
            )
        return revised

    # -- failures ----------------------------------------------------------------------------------------------

    def _failure(self, step: StepRun, refused: Refused, own: list[GateFinding], failed: bool) -> Iterator[GateFinding]:
        where = f"{self._run.path}, line {step.line}"
        state = refused.sqlstate or ""
        if any(f.rule in _FORESEEN for f in own):
            return
        if state in _TIMEOUTS:
            message = "This did not end within a minute on tables without rows, or it ended its own session."
            yield self._finding("migration_fails", "high", step, message, "statement")
            return
        if (language := _untrusted(refused)) is not None:
            message = (
                f"The code is written in {language}, which may do all that the server's account may on its machine;"
                " only a superuser may create it. The run refused it."
            )
            yield self._finding("migration_fails", "high", step, message, "statement")
            return
        if state == "42501" and step.actions & set(_FILE_OR_PROGRAM):
            message = f"This needs a superuser, or reaches outside the database: {refused.message}. The run refused it."
            severity = "high" if _OUTSIDE.search(refused.message) else "medium"
            yield self._finding("migration_fails", severity, step, message, "statement")
            return
        partial = state == "55000" and "concurrently" in refused.message.lower()
        if (
            (state in _ENVIRONMENT and not partial)
            or _BUILD.search(refused.message)
            or (state.startswith(_WITHOUT_ROWS) and state not in _REAL_WITHOUT_ROWS)
        ):
            self._doubtful = True
            self.notes.append(f"{where}: not judged by the run (no rows or no privileges there): {refused.message}")
            return
        if self._is_stand_in(refused):
            self.notes.append(f"{where}: not judged by the run, where materialized views are tables.")
            return
        if failed:
            return  # what follows a failure is its consequence until it is mended
        if self._doubtful and state.startswith("42"):
            self.notes.append(f"{where}: not judged by the run, it may need what was left out: {refused.message}")
            return
        rule = _reason(step, refused)
        detail = f" {refused.detail.splitlines()[0]}" if refused.detail else ""
        message = f"PostgreSQL refuses this: {refused.message.rstrip('.')} ({state}).{detail}"
        yield self._finding(rule, "high", step, message, "statement")

    def _is_stand_in(self, refused: Refused) -> bool:
        """Whether it is refused because the copy of a snapshot has a table for each materialized view."""
        if _NO_MATVIEW not in refused.message:
            return False
        return any(f'"{name.name}"' in refused.message and view.kind == "m"
                   for name, view in self._state.relations.items())  # fmt: skip

    # -- locks and rewrites ------------------------------------------------------------------------------------

    def _corrected(self, step: StepRun, own: list[GateFinding]) -> Iterator[GateFinding]:
        strongest = max(step.locks.values(), key=STRENGTH.__getitem__, default=None)
        blocks = strongest in BLOCKING
        for finding in own:
            if finding.rule in _REWRITES and not step.rewritten:
                continue  # the type or default turned out to be free
            if finding.lock in BLOCKING and not blocks and finding.rule not in _NO_RELATION:
                continue  # the object does not exist, or was made by these migrations
            if finding.rule == "lock_timeout_missing" and (not blocks or not step.waits_forever):
                continue
            if finding.rule in _REWRITES and finding.severity == "medium":
                severity = "high"
                message = f"{finding.message.partition(' unless ')[0].rstrip('.')}, as the run showed."
                yield replace(finding, severity=severity, message=message, source="run")
                continue
            if finding.lock in BLOCKING and strongest is not None and STRENGTH[strongest] < STRENGTH[finding.lock]:
                message = f"{finding.message} The run measured {strongest}, not {finding.lock}."
                yield replace(finding, lock=strongest, message=message, source="run")
                continue
            yield finding

    def _unseen(self, step: StepRun, own: list[GateFinding]) -> Iterator[GateFinding]:
        truncates = bool(step.actions & {"truncate"})
        if step.rewritten and not truncates and not any(f.rewrite or "refresh" in f.rule for f in own):
            rule = _rewriting_rule(step)
            names = ", ".join(str(name) for name in step.rewritten[:3])
            message = f"This wrote {names} anew in the run: nobody can read or write it meanwhile."
            yield self._finding(
                rule, "high", step, message, str(step.rewritten[0]),
                Hazard(message="", object="", lock="ACCESS EXCLUSIVE", rewrite=True, relation=step.rewritten[0]),
            )  # fmt: skip
        if step.rebuilt and "alter_type" in step.actions and not any("type_change" in f.rule for f in own):
            names = ", ".join(str(name) for name in step.rebuilt[:3])
            message = f"The table stays as it is, but the run built {names} anew, under an exclusive lock."
            yield self._finding("type_change_index_rebuild", "high", step, message, str(step.rebuilt[0]),
                                Hazard(message="", object="", lock="ACCESS EXCLUSIVE", scan=True))  # fmt: skip
        strong = [name for name, mode in step.locks.items() if mode in BLOCKING]
        known = any(f.rule in ("lock_timeout_missing", "explicit_exclusive_lock") for f in own)
        opaque = step.actions & {"do", "select", "call"}
        if strong and opaque and step.waits_forever and not known:
            mode = step.locks[strong[0]]
            message = (
                f"The run saw {mode} on {strong[0]}, taken inside; this waits for it without limit, and everybody"
                " who comes later waits behind it."
            )
            yield self._finding("lock_timeout_missing", "medium", step, message, str(strong[0]),
                                Hazard(message="", object="", lock=mode, relation=strong[0]))  # fmt: skip

    def _finding(
        self, rule: str, severity: str, step: StepRun, message: str, object_: str, hazard: Hazard | None = None
    ) -> GateFinding:
        return GateFinding(
            rule=rule, severity=severity, line=step.line, statement=shown(step.sql), message=message, object=object_,
            lock=hazard.lock if hazard is not None else None,
            rewrite=hazard.rewrite if hazard is not None else False,
            seconds_estimate=estimate_seconds(hazard, self._state) if hazard is not None else None,
            source="run",
        )  # fmt: skip


def _untrusted(refused: Refused) -> str | None:
    """Return the untrusted language whose lack or prohibition is the refusal: by custom their names end in u."""
    match = _LANGUAGE.search(refused.message) if refused.sqlstate in ("42501", "42704") else None
    return match[1] if match is not None and (match[1] == "c" or match[1].endswith("u")) else None


def _rewriting_rule(step: StepRun) -> str:
    if "alter_type" in step.actions:
        return "type_change_rewrite"
    if "add_column" in step.actions:
        return "add_column_rewrite"
    return "vacuum_full_or_cluster" if step.actions & {"vacuum_full", "cluster"} else "storage_rewrite"


def _reason(step: StepRun, refused: Refused) -> str:
    """Return the hazard's own name where the refusal is one that has a name."""
    message, detail = refused.message.lower(), refused.detail.lower()
    if refused.sqlstate == "55P04":
        return "enum_value_used_in_same_transaction"
    if "concurrently" in message and refused.sqlstate == "25001":
        return "concurrently_in_transaction"
    if "concurrently" in message and "partition" in message and refused.sqlstate == "0A000":
        return "concurrently_on_partitioned"
    if "used by a view" in message or (refused.sqlstate == "2BP01" and "view " in detail):
        return "blocked_by_dependent_view"
    inherited = ("inherit", "child tables", "a partition", "of the partition")
    if refused.sqlstate in ("42P16", "42809") and any(word in message for word in inherited):
        return "inherited_column_conflict"
    return "migration_fails"


def relation_names(run: FileRun) -> frozenset[RelationName]:
    """Return the tables that a file changed in a way that plans may notice."""
    return frozenset(name for step in run.steps for name in step.changed)
