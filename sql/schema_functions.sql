-- A row is a user-made function: SQL and PL/pgSQL as they are, other languages as a stub of the same signature.
-- Trigger functions and procedures take no part in planning.
select
  'function' as kind,
  n.nspname as schema,
  p.proname as name,
  case when l.lanname in ('sql', 'plpgsql') then pg_catalog.pg_get_functiondef(p.oid)
    else pg_catalog.format('create function %I.%I(%s) returns %s language plpgsql %s%s cost %s%s as %L', n.nspname, p.proname,
      pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid),
      case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      case when p.proisstrict then ' strict' else '' end, p.procost,
      case when p.proretset then pg_catalog.format(' rows %s', p.prorows) else '' end,
      case when p.proretset or p.proallargtypes is not null then 'begin return; end' else 'begin return null; end' end)
  end as ddl,
  30 as "order"
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast_)?temp_'
  and p.prokind = 'f'
  and p.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i'))
order by p.oid
