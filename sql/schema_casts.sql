-- A row is a user-made cast.
select
  'cast' as kind,
  '' as schema,
  pg_catalog.format('%s as %s', pg_catalog.format_type(c.castsource, null),
    pg_catalog.format_type(c.casttarget, null)) as name,
  pg_catalog.format('create cast (%s as %s) %s%s', pg_catalog.format_type(c.castsource, null),
    pg_catalog.format_type(c.casttarget, null),
    case c.castmethod when 'f' then 'with function ' || c.castfunc::regprocedure::text
      when 'i' then 'with inout' else 'without function' end,
    case c.castcontext when 'i' then ' as implicit' when 'a' then ' as assignment' else '' end) as ddl,
  45 as "order"
from pg_catalog.pg_cast c
where c.oid >= 16384
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_cast'::regclass and d.objid = c.oid and d.deptype in ('e', 'i'))
order by c.oid
