-- A row is an operator outside pg_catalog: user-made, or of an extension (then built only where that is missing).
select
  'operator' as kind,
  n.nspname as schema,
  o.oprname as name,
  pg_catalog.format('create operator %I.%s (function = %s%s%s%s%s%s%s%s%s)', n.nspname, o.oprname,
    (select pg_catalog.format('%I.%I', fn.nspname, f.proname) from pg_catalog.pg_proc f
     join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace where f.oid = o.oprcode),
    case when o.oprleft <> 0 then ', leftarg = ' || pg_catalog.format_type(o.oprleft, null) else '' end,
    case when o.oprright <> 0 then ', rightarg = ' || pg_catalog.format_type(o.oprright, null) else '' end,
    coalesce((select pg_catalog.format(', commutator = operator(%I.%s)', cn.nspname, c.oprname)
      from pg_catalog.pg_operator c join pg_catalog.pg_namespace cn on cn.oid = c.oprnamespace
      where c.oid = o.oprcom), ''),
    coalesce((select pg_catalog.format(', negator = operator(%I.%s)', cn.nspname, c.oprname)
      from pg_catalog.pg_operator c join pg_catalog.pg_namespace cn on cn.oid = c.oprnamespace
      where c.oid = o.oprnegate), ''),
    -- A selectivity function that is not PostgreSQL's own is written in C and missing with its extension.
    coalesce((select ', restrict = ' || r.proname from pg_catalog.pg_proc r
      where r.oid = o.oprrest and r.pronamespace = 'pg_catalog'::regnamespace), ''),
    coalesce((select ', join = ' || r.proname from pg_catalog.pg_proc r
      where r.oid = o.oprjoin and r.pronamespace = 'pg_catalog'::regnamespace), ''),
    case when o.oprcanhash then ', hashes' else '' end,
    case when o.oprcanmerge then ', merges' else '' end) as ddl,
  50 as "order",
  (select e.extname from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid
   where d.classid = 'pg_catalog.pg_operator'::regclass and d.objid = o.oid and d.deptype = 'e'
   limit 1) as extension
from pg_catalog.pg_operator o
join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
where n.nspname not in ('pg_catalog', 'information_schema')
  and o.oprcode <> 0
order by o.oid
