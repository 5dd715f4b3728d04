"""The twin's database: encoding, collation, extensions and settings as production has them, or the nearest."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from advisor.errors import TwinFailed
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName, quote_literal
from advisor.model.server import Server, Setting
from advisor.model.snapshot import Snapshot
from advisor.whatif.twin.schema import STAND_IN_LOCALES

_NOT_C = STAND_IN_LOCALES[0]
_BYTEWISE = ("C", "POSIX")
# Settings outside "Query Tuning" that change plans or how values are read.
_MORE_SETTINGS = frozenset(
    {
        "work_mem", "hash_mem_multiplier", "max_parallel_workers_per_gather", "TimeZone", "DateStyle",
        "IntervalStyle", "standard_conforming_strings", "array_nulls", "transform_null_equals",
        "default_text_search_config", "extra_float_digits", "bytea_output", "xmloption", "temp_tablespaces",
    }
)  # fmt: skip
# Not needed, or in the way: HypoPG hooks the planner.
_UNWANTED_EXTENSIONS = frozenset({"plpgsql", "hypopg"})


def create_database(connection: psycopg.Connection[Any], name: str, server: Server) -> str | None:
    """Create the database in production's encoding and locale; return what differs, or None.

    Raises TwinFailed when no variant works.
    """
    major = connection.info.server_version // 10000
    last: psycopg.Error | None = None
    for options, loss in _locales(server, major):
        statement = sql.SQL("create database {} template template0 encoding {} ").format(
            sql.Identifier(name), sql.Literal(server.encoding)
        )
        try:
            connection.execute(statement + sql.SQL(options))
            return loss
        except psycopg.Error as error:
            last = error
    reason = str(last).strip().splitlines()[0]
    raise TwinFailed(f"The twin's database cannot be created: {reason}")


def _locales(server: Server, major: int) -> list[tuple[str, str | None]]:
    """Return the ways to create it, the best first, each with what is lost."""

    def libc(collate: str, ctype: str) -> str:
        provider = "locale_provider libc " if major >= 15 else ""
        return f"{provider}lc_collate {quote_literal(collate)} lc_ctype {quote_literal(ctype)}"

    name = server.icu_locale if server.locale_provider in "ib" and server.icu_locale else server.lc_collate
    loss = f"the twin's server has no locale {name}: order of text, and ranges over it, are approximate"
    ways: list[tuple[str, str | None]] = []
    if server.locale_provider == "i" and major >= 15:
        icu = quote_literal(server.icu_locale or "und")
        for collate in (server.lc_collate, _NOT_C, "C"):
            ways.append(
                (f"locale_provider icu icu_locale {icu} lc_collate {quote_literal(collate)}"
                 f" lc_ctype {quote_literal(collate)}", None)
            )  # fmt: skip
    elif server.locale_provider == "b":
        if major >= 17:
            ways.append((f"locale_provider builtin builtin_locale {quote_literal(server.icu_locale or 'C')}"
                         " lc_collate 'C' lc_ctype 'C'", None))  # fmt: skip
        ways.append((libc("C", "C"), None))
    else:
        ways.append((libc(server.lc_collate, server.lc_ctype), None))
    if server.locale_provider != "b" and server.lc_collate not in _BYTEWISE:
        ways.append((libc(_NOT_C, _NOT_C), loss))
    return [*ways, (libc("C", "C"), loss + "; LIKE may use indexes that production's would not")]


def create_extensions(connection: psycopg.Connection[Any], snapshot: Snapshot) -> tuple[str, ...]:
    """Create production's extensions where the server has them; return the names of the missing."""
    available = {row[0] for row in connection.execute("select name from pg_catalog.pg_available_extensions")}
    missing = []
    for extension in snapshot.extensions:
        if extension.version is None or extension.name in _UNWANTED_EXTENSIONS:
            continue
        if extension.name not in available:
            missing.append(extension.name)
            continue
        try:
            if extension.schema and extension.schema != "pg_catalog":
                connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(extension.schema)))
                where: sql.Composable = sql.SQL(" with schema {}").format(sql.Identifier(extension.schema))
            else:
                where = sql.SQL("")
            connection.execute(
                sql.SQL("create extension if not exists {}{} cascade").format(sql.Identifier(extension.name), where)
            )
        except psycopg.Error:
            missing.append(extension.name)  # some refuse unless preloaded; their members come as stubs
    return tuple(missing)


def create_collations(connection: psycopg.Connection[Any], snapshot: Snapshot) -> tuple[RelationName, ...]:
    """Create stand-ins for collations in pg_catalog that columns use and the server lacks; return those."""
    used: set[RelationName] = {c.collation for c in snapshot.columns if c.collation is not None}
    used |= {
        column.collation for index in snapshot.indexes for column in _key_columns(index.columns) if column.collation
    }
    have = {
        RelationName(schema, name)
        for schema, name in connection.execute(
            "select n.nspname, c.collname from pg_catalog.pg_collation c"
            " join pg_catalog.pg_namespace n on n.oid = c.collnamespace"
            " where c.collencoding in (-1, (select encoding from pg_catalog.pg_database"
            "   where datname = current_database()))"
        )
    }
    made = []
    for name in sorted(used - have):
        if name.schema == "pg_catalog" and stand_in_collation(connection, name):
            made.append(name)
    return tuple(made)


def _key_columns(columns: tuple[IndexColumn, ...]) -> tuple[IndexColumn, ...]:
    return tuple(column for column in columns if column.collation is not None)


def stand_in_collation(connection: psycopg.Connection[Any], name: RelationName) -> bool:
    """Create a libc collation under this name that the planner takes for an ordinary, non-C one."""
    for locale in STAND_IN_LOCALES:
        try:
            connection.execute(
                sql.SQL("create collation {}.{} (provider = libc, locale = {})").format(
                    sql.Identifier(name.schema), sql.Identifier(name.name), sql.Literal(locale)
                )
            )
            return True
        except psycopg.Error:
            continue
    return False


def planner_settings(snapshot: Snapshot) -> tuple[Setting, ...]:
    """Return the settings that change plans."""
    return tuple(
        s
        for s in snapshot.settings
        if s.setting is not None and (s.category.startswith("Query Tuning") or s.name in _MORE_SETTINGS)
    )


def apply_settings(connection: psycopg.Connection[Any], settings: tuple[Setting, ...]) -> None:
    """Give the session production's planner settings, those the server knows."""
    known = {row[0] for row in connection.execute("select name from pg_catalog.pg_settings")}
    for setting in settings:
        if setting.name in known and setting.name not in ("jit", "temp_tablespaces"):
            try:
                connection.execute("select pg_catalog.set_config(%s, %s, false)", (setting.name, setting.setting))
            except psycopg.Error:
                continue  # a value another major no longer takes: its default is that major's answer
    # Compiling expressions costs planning time and changes no cost.
    connection.execute("set jit = off")
