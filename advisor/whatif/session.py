"""A planning session below the DB-API: parses and explains through the extended protocol, never executes.

Parse, Bind and EXPLAIN travel as libpq calls, because only there a parameter keeps its own type and a text is
refused when it holds more than one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
from psycopg import pq

from advisor.errors import ServerLost
from advisor.model.names import quote_ident
from advisor.whatif.batch import OK as _OK
from advisor.whatif.batch import Command, run_groups
from advisor.workload.session import ParsedTypes, ParseError

_GENERIC_NAME = b"pgadvise_generic"
_decode_json = msgspec.json.Decoder().decode

# The mark keeps what was asked on production itself out of the next workload.
_EXPLAIN = "EXPLAIN /* pgadvise */ (FORMAT JSON) "
_AT_ONCE = 64  # statements that travel together
_ROLLBACK = Command(b"rollback")  # in a group of its own: it follows an error, too


@dataclass(frozen=True, slots=True)
class Question:
    """A statement to plan: values as text, types as 'schema.typname', the schemas to search, the role to plan as."""

    text: str
    types: Sequence[str]
    values: Sequence[str | None]
    search_path: tuple[str, ...]
    role: str | None = None


@dataclass(frozen=True, slots=True)
class First:
    """A command to run before questions, and what to do with what it returns."""

    command: Command
    learn: Callable[[pq.abc.PGresult], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """Questions of one group that travel together: the group's number, the commands before them."""

    number: int
    before: Sequence[str]
    questions: Sequence[Question]


class CommandRefused(Exception):
    """The server refused a command of our own that was to precede questions."""

    def __init__(self, error: ParseError) -> None:
        super().__init__(error.message)
        self.error = error


class TypeNames:
    """The types of one database by 'schema.typname' and by OID."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._oids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._read()

    def _read(self) -> None:
        rows = self._connection.execute(
            "select t.oid::int8, n.nspname, t.typname from pg_catalog.pg_type t"
            " join pg_catalog.pg_namespace n on n.oid = t.typnamespace"
        ).fetchall()
        self._oids = {f"{schema}.{name}": oid for oid, schema, name in rows}
        self._names = {oid: f"{schema}.{name}" for oid, schema, name in rows}

    def oid(self, name: str | None) -> int | None:
        """Return the OID of 'schema.typname', 0 ("let the server infer") for None, None when there is no such type."""
        return 0 if name is None else self._oids.get(name)

    def name(self, oid: int) -> str:
        """Return 'schema.typname' of an OID the server gave."""
        if oid not in self._names:
            self._read()
        return self._names.get(oid, "pg_catalog.unknown")


def error_of(result: pq.abc.PGresult) -> ParseError:
    """Return what the server said, with the position as a 0-based character offset."""

    def diagnostic(field: pq.DiagnosticField) -> str | None:
        value = result.error_field(field)
        return None if value is None else value.decode("utf-8", "replace")

    position = diagnostic(pq.DiagnosticField.STATEMENT_POSITION)
    return ParseError(
        sqlstate=diagnostic(pq.DiagnosticField.SQLSTATE) or "XX000",
        message=diagnostic(pq.DiagnosticField.MESSAGE_PRIMARY) or "the server gave no message",
        position=None if position is None else int(position) - 1,
    )


class PlanningSession:
    """Implements `advisor.workload.session.ParseSession` on one autocommit connection.

    `search_path` is set when a call needs another one than the call before. Texts with a NUL byte and values the
    server refuses come back as ParseError; a lost server raises ServerLost.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.major = connection.info.server_version // 10000
        self.types = TypeNames(connection)
        self._pg = connection.pgconn
        self._search_path: tuple[str, ...] | None = None
        self._role: str | None = None

    def execute(self, sql: str) -> ParseError | None:
        """Run SQL of our own (transaction control, settings); several statements are one implicit transaction."""
        result = self._pg.exec_(sql.encode("utf-8"))
        return None if result.status in _OK else self._refused(result)

    def run_each(self, commands: Sequence[Command]) -> list[pq.abc.PGresult | ParseError]:
        """Run commands of our own, each for itself, and return what each gives or why it was refused."""
        with closing(run_groups(self._pg, [[command] for command in commands])) as results:
            return [result if result.status in _OK else self._refused(result) for _, _, result in results]

    def parse(self, text: str, types: Sequence[str | None], search_path: Sequence[str]) -> ParsedTypes | ParseError:
        oids = self._oids(types)
        if isinstance(oids, ParseError):
            return oids
        encoded = _encode(text)
        if isinstance(encoded, ParseError):
            return encoded
        self.use_search_path(search_path)
        result = self._pg.prepare(b"", encoded, oids)
        if result.status not in _OK:
            return self._refused(result)
        described = self._pg.describe_prepared(b"")
        if described.status not in _OK:
            return self._refused(described)
        return ParsedTypes(
            parameter_types=tuple(self.types.name(described.param_type(n)) for n in range(described.nparams))
        )

    def explain(
        self, text: str, types: Sequence[str], values: Sequence[str | None], search_path: Sequence[str]
    ) -> dict[str, Any] | ParseError:
        oids = self._oids(types)
        if isinstance(oids, ParseError):
            return oids
        encoded = _encode(_EXPLAIN + text)
        if isinstance(encoded, ParseError):
            return _shifted(encoded)
        bound = [None if value is None else _encode(value) for value in values]
        refused = next((value for value in bound if isinstance(value, ParseError)), None)
        if refused is not None:
            return refused
        self.use_search_path(search_path)
        result = self._pg.exec_params(encoded, [v for v in bound if not isinstance(v, ParseError)], oids)
        if result.status != pq.ExecStatus.TUPLES_OK:
            return _shifted(self._refused(result))
        return _plan_of(result)

    def explain_each(
        self, text: str, types: Sequence[str], values: Sequence[Sequence[str | None]], search_path: tuple[str, ...]
    ) -> list[dict[str, Any] | ParseError]:
        return self.explain_many((), [Question(text, types, one, search_path) for one in values])

    def explain_many(
        self, before: Sequence[str], questions: Sequence[Question], first: Sequence[First] = ()
    ) -> list[dict[str, Any] | ParseError]:
        """Explain questions, each as if alone in a transaction that begins with `before` and is rolled back."""
        return self.explain_groups([(before, questions)], first)[0]

    def explain_groups(
        self, groups: Sequence[tuple[Sequence[str], Sequence[Question]]], first: Sequence[First] = ()
    ) -> list[list[dict[str, Any] | ParseError]]:
        """Explain several groups, each as `explain_many` does one: commands to begin with, and questions.

        They travel together: asking one by one takes longer than planning. An error ends a transaction, so the
        questions after it are asked again. `first` runs once before them, each command for itself, and lasts. Raises
        CommandRefused when the server refuses one of those or a command before questions.
        """
        answers: list[list[dict[str, Any] | ParseError]] = [[] for _ in groups]
        while True:
            parts: list[_Part] = []
            room = _AT_ONCE
            for number, (before, questions) in enumerate(groups):
                left = questions[len(answers[number]) :][:room]
                if left:
                    parts.append(_Part(number, before, left))
                    room -= len(left)
                if not room:
                    break
            if not parts and not first:
                return answers
            self._explain_parts(parts, answers, first)
            first = ()

    def _explain_parts(
        self, parts: Sequence[_Part], answers: list[list[dict[str, Any] | ParseError]], first: Sequence[First]
    ) -> None:
        """Add to `answers` those of each part, up to and including its first error."""
        groups = [[one.command] for one in first]
        owners = [0] * len(first)
        asked = [[False] for _ in first]  # of each command, whether it is a question
        for part in parts:
            commands, kinds = self._commands(part)
            if isinstance(commands, ParseError):
                answers[part.number].append(commands)
                continue
            groups += [commands, [_ROLLBACK]]
            owners += [part.number] * 2
            asked += [kinds, [False]]
        done = False
        try:
            with closing(run_groups(self._pg, groups)) as results:
                for number, place, result in results:
                    fine = result.status in _OK
                    if asked[number][place]:
                        answer = _plan_of(result) if fine else _shifted(self._refused(result))
                        answers[owners[number]].append(answer)
                    elif not fine:
                        raise CommandRefused(self._refused(result))
                    elif number < len(first):
                        first[number].learn(result)
            done = True
        finally:
            if not done and self._pg.status == pq.ConnStatus.OK:
                self.execute("rollback")
            self.forget_settings()

    def _commands(self, part: _Part) -> tuple[list[Command], list[bool]] | tuple[ParseError, list[bool]]:
        """Return a part's commands and which of them are questions; the error of its first question if it has one."""
        commands = [Command(b"begin"), *(Command(text.encode()) for text in part.before)]
        asked = [False] * len(commands)
        role: str | None = None
        path: tuple[str, ...] | None = None
        for place, question in enumerate(part.questions):
            command = self._bound(question)
            if isinstance(command, ParseError):
                if place == 0:
                    return command, []
                break  # it is the first of the next batch
            settings = []
            if question.role != role:
                role = question.role
                settings.append(_role_sql(role))
            if question.search_path != path:
                path = question.search_path
                settings.append(_path_sql(path))
            commands += [Command(text.encode()) for text in settings]
            commands.append(command)
            asked += [False] * len(settings) + [True]
        return commands, asked

    def _bound(self, question: Question) -> Command | ParseError:
        """Return the command that explains a question."""
        oids = self._oids(question.types)
        if isinstance(oids, ParseError):
            return oids
        text = _encode(_EXPLAIN + question.text)
        if isinstance(text, ParseError):
            return _shifted(text)
        values: list[bytes | None] = []
        for value in question.values:
            encoded = None if value is None else _encode(value)
            if isinstance(encoded, ParseError):
                return encoded
            values.append(encoded)
        return Command(text, values, oids)

    def explain_generic(
        self, text: str, types: Sequence[str], search_path: Sequence[str]
    ) -> dict[str, Any] | ParseError:
        oids = self._oids(types)
        if isinstance(oids, ParseError):
            return oids
        encoded = _encode(text)
        if isinstance(encoded, ParseError):
            return encoded
        self.use_search_path(search_path)
        prepared = self._pg.prepare(_GENERIC_NAME, encoded, oids)
        if prepared.status not in _OK:
            return self._refused(prepared)
        described = self._pg.describe_prepared(_GENERIC_NAME)
        arguments = ", ".join(["NULL"] * described.nparams)
        # NULL would prune every partition; generic plans in production keep them until execution.
        result = self._pg.exec_(
            b"begin; set local plan_cache_mode = force_generic_plan; set local enable_partition_pruning = off;"
            b" explain (verbose, format json) execute "
            + _GENERIC_NAME
            + (f"({arguments})".encode() if arguments else b"")
        )
        self._pg.exec_(b"rollback")
        self._pg.exec_(b"deallocate " + _GENERIC_NAME)
        if result.status != pq.ExecStatus.TUPLES_OK:
            refused = self._refused(result)
            return ParseError(sqlstate=refused.sqlstate, message=refused.message, position=None)
        return _plan_of(result)

    def use_search_path(self, search_path: Sequence[str]) -> None:
        """Set `search_path` unless it is in force already."""
        wanted = tuple(search_path)
        if wanted != self._search_path:
            refused = self.execute(_path_sql(wanted))
            self._search_path = None if refused is not None else wanted

    def use_role(self, role: str | None) -> None:
        """Plan as `role`, whose row-security policies then apply; None is the session's own user."""
        if role != self._role:
            refused = self.execute(_role_sql(role))
            self._role = None if refused is not None else role

    def forget_settings(self) -> None:
        """Say that a rollback may have restored an older search_path, and the session's own user."""
        self._search_path = None
        self._role = None

    def _oids(self, types: Sequence[str | None]) -> list[int] | ParseError:
        oids: list[int] = []
        for name in types:
            oid = self.types.oid(name)
            if oid is None:
                return ParseError(sqlstate="42704", message=f'type "{name}" does not exist', position=None)
            oids.append(oid)
        return oids

    def _refused(self, result: pq.abc.PGresult) -> ParseError:
        if self._pg.status == pq.ConnStatus.BAD:
            raise ServerLost("The server that plans the statements closed the connection.", "Try again.")
        return error_of(result)


def _path_sql(search_path: Sequence[str]) -> str:
    path = ", ".join(quote_ident(schema) for schema in search_path) or "''"
    return f"set search_path = {path}"


def _role_sql(role: str | None) -> str:
    return "reset role" if role is None else f"set role {quote_ident(role)}"


def _encode(text: str) -> bytes | ParseError:
    if "\0" in text:
        return ParseError(sqlstate="22021", message="the text holds a NUL character", position=text.index("\0"))
    # surrogateescape: bytes of an SQL_ASCII database that are no UTF-8 travel as they are.
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        return ParseError(sqlstate="22021", message="the text holds a lone surrogate", position=error.start)


def _shifted(error: ParseError) -> ParseError:
    """Return the error with its position counted in the text without the words in front of it."""
    if error.position is None:
        return error
    return ParseError(sqlstate=error.sqlstate, message=error.message, position=max(0, error.position - len(_EXPLAIN)))


def _plan_of(result: pq.abc.PGresult) -> dict[str, Any] | ParseError:
    value = result.get_value(0, 0)
    try:
        plans = _decode_json(value or b"[]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        # An SQL_ASCII database may print bytes that are no UTF-8.
        plans = _decode_json((value or b"[]").decode("utf-8", "replace").encode())
    if not plans or not isinstance(plans[0], dict) or "Plan" not in plans[0]:
        # A rule may rewrite a statement to nothing or to a utility command.
        return ParseError(sqlstate="XX000", message="the statement has no plan", position=None)
    plan: dict[str, Any] = plans[0]["Plan"]
    return plan
