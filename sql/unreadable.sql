-- One row per table with rows that this role cannot read, or whose statistics it cannot see, and why.
select
    n.nspname as schema,
    c.relname as name,
    pg_catalog.row_security_active(c.oid) as row_security,
    pg_catalog.has_table_privilege(c.oid, 'select') as can_select,
    pg_catalog.has_any_column_privilege(c.oid, 'select') as some_columns,
    pg_catalog.has_schema_privilege(n.oid, 'usage') as schema_usage
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    c.relkind in ('r', 'p', 'm')
    and c.relpersistence <> 't'
    and (c.reltuples > 0 or c.relkind = 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and (
        not pg_catalog.has_table_privilege(c.oid, 'select')
        or not pg_catalog.has_schema_privilege(n.oid, 'usage')
        or pg_catalog.row_security_active(c.oid)
    )
order by n.nspname, c.relname;
