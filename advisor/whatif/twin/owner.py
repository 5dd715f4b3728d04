"""The role that owns the twin and plans in it.

Functions of production's schema run while a statement is planned (a call on constants is folded) and while an index
or a constraint is created. They are somebody's code: here they run as a role without superuser, which cannot reach
the file system, other programs or the server's settings. What only a superuser may do stays with another session.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

# Beyond this a function that fills temporary files is stopped.
_TEMP_FILE_LIMIT = "2GB"
# What belongs to a superuser's session and is handed over; members of extensions stay with their extension.
_FOREIGN_OWNED = """
select pg_catalog.format('alter schema %%I owner to %%I', nspname, %(role)s::text)
from pg_catalog.pg_namespace n
where nspname !~ '^pg_' and nspname <> 'information_schema' and n.nspowner <> %(role)s::pg_catalog.regrole
union all
select pg_catalog.format('alter %%s %%s owner to %%I',
  case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
    when 'S' then 'sequence' else 'table' end, c.oid::pg_catalog.regclass, %(role)s::text)
from pg_catalog.pg_class c
where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.oid >= 16384 and c.relowner <> %(role)s::pg_catalog.regrole
  and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and (d.objid = c.oid and d.deptype in ('e', 'i') or d.objid = c.oid and relkind = 'S' and d.deptype = 'a'))
union all
select pg_catalog.format('alter routine %%s owner to %%I', p.oid::pg_catalog.regprocedure, %(role)s::text)
from pg_catalog.pg_proc p
where p.oid >= 16384 and p.prokind <> 'a' and p.proowner <> %(role)s::pg_catalog.regrole
  and p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
  and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    and d.objid = p.oid and d.deptype = 'e')
union all
select pg_catalog.format('alter %%s %%s owner to %%I', case typtype when 'd' then 'domain' else 'type' end,
  t.oid::pg_catalog.regtype, %(role)s::text)
from pg_catalog.pg_type t
where t.oid >= 16384 and typtype in ('e', 'd', 'c', 'r') and t.typowner <> %(role)s::pg_catalog.regrole
  and (typtype <> 'c' or exists (select from pg_catalog.pg_class c where c.oid = typrelid and relkind = 'c'))
  and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
    and d.objid = t.oid and d.deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A role made for one twin: it may log in, is no superuser and is bound by no row security."""

    name: str
    password: str

    def dsn(self, superuser_dsn: str) -> str:
        """Return the DSN of the same database for this role."""
        return psycopg.conninfo.make_conninfo(superuser_dsn, user=self.name, password=self.password)


def create_owner(maintenance: psycopg.Connection[Any], name: str) -> Owner:
    """Create the role. The caller's role is a superuser."""
    owner = Owner(name, secrets.token_urlsafe(24))
    role = sql.Identifier(name)
    maintenance.execute(
        sql.SQL(
            "create role {role} login nosuperuser nocreatedb nocreaterole noreplication bypassrls password {password};"
            " alter role {role} set temp_file_limit = {limit}; alter role {role} set search_path = ''"
        ).format(role=role, password=sql.Literal(owner.password), limit=sql.Literal(_TEMP_FILE_LIMIT))
    )
    if maintenance.info.server_version >= 140000:
        # A monitoring tool's statements read catalogs that not everybody may read.
        maintenance.execute(sql.SQL("grant pg_read_all_data to {}").format(role))
    return owner


def grant_roles(admin: psycopg.Connection[Any], owner: str, names: Iterable[str]) -> None:
    """Let the owner plan as these roles, whose row security it then has; superusers of this server are left out."""
    plain = admin.execute(
        "select rolname from pg_catalog.pg_roles where rolname = any (%s) and not rolsuper and not rolcreaterole"
        " and not rolreplication and rolname !~ '^pg_'",
        (list(names),),
    ).fetchall()
    for (name,) in plain:
        admin.execute(sql.SQL("grant {} to {}").format(sql.Identifier(name), sql.Identifier(owner)))


def own_everything(admin: psycopg.Connection[Any], owner: str) -> None:
    """Give the role what a superuser's session had to create."""
    for (statement,) in admin.execute(_FOREIGN_OWNED, {"role": owner}).fetchall():
        with contextlib.suppress(psycopg.Error):  # members of others follow their owners
            admin.execute(statement.encode())


def create_switch(admin: psycopg.Connection[Any]) -> None:
    """Create the function that shows and hides indexes until the transaction is rolled back.

    It is the only thing the planning role may do to a catalog. A change of pg_index makes sessions forget the index,
    not their list of the table's indexes; the empty change of pg_class does.
    """
    admin.execute(
        """
        create function pg_catalog.pgadvise_switch(shown oid[], hidden oid[], tables oid[]) returns void
        language plpgsql volatile security definer set search_path = pg_catalog as $$
        begin
          if shown <> '{}' then
            update pg_index set indislive = true, indisvalid = true
            where indexrelid = any (shown) and indexrelid >= 16384;
          end if;
          if hidden <> '{}' then
            update pg_index set indislive = false, indisvalid = false
            where indexrelid = any (hidden) and indexrelid >= 16384;
          end if;
          update pg_class set relhasindex = relhasindex where oid = any (tables) and oid >= 16384;
        end $$
        """
    )
