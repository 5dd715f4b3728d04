-- One row per expression index of a table with rows whose statistics this role cannot see.
select
    n.nspname as schema,
    c.relname as name
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_class as t on t.oid = i.indrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    i.indexprs is not null
    and c.relkind = 'i'
    and t.relpersistence <> 't'
    and t.reltuples > 0
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    -- pg_stats asks for the privilege on the index itself, and nobody can grant one on an index.
    and not pg_catalog.has_any_column_privilege(c.oid, 'select')
    and pg_catalog.has_any_column_privilege(t.oid, 'select')
order by n.nspname, c.relname;
