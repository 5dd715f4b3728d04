-- A row is a user-made collation.
select
  'collation' as kind,
  n.nspname as schema,
  c.collname as name,
  pg_catalog.format('create collation %I.%I (provider = %s, %s%s)', n.nspname, c.collname,
    case c.collprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
    case when c.collprovider in ('i', 'b') then pg_catalog.format('locale = %L', c.colllocale)
      else pg_catalog.format('lc_collate = %L, lc_ctype = %L', c.collcollate, c.collctype) end,
    case when not c.collisdeterministic then ', deterministic = false' else '' end) as ddl,
  10 as "order"
from pg_catalog.pg_collation c
join pg_catalog.pg_namespace n on n.oid = c.collnamespace
where n.nspname not in ('pg_catalog', 'information_schema')
  and c.collencoding in (-1, (select encoding from pg_catalog.pg_database where datname = current_database()))
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_collation'::regclass and d.objid = c.oid and d.deptype = 'e')
order by n.nspname, c.collname
