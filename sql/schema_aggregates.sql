-- A row is a user-made aggregate.
select
  'aggregate' as kind,
  n.nspname as schema,
  p.proname as name,
  pg_catalog.format('create aggregate %I.%I(%s) (sfunc = %s, stype = %s%s%s%s%s%s%s%s%s)', n.nspname, p.proname,
    case when g.aggkind = 'n' and p.pronargs = 0 then '*' else pg_catalog.pg_get_function_arguments(p.oid) end,
    g.aggtransfn, pg_catalog.format_type(g.aggtranstype, null),
    case when g.aggtransspace <> 0 then pg_catalog.format(', sspace = %s', g.aggtransspace) else '' end,
    case when g.aggfinalfn <> 0 then pg_catalog.format(', finalfunc = %s', g.aggfinalfn) else '' end,
    case when g.aggfinalextra then ', finalfunc_extra' else '' end,
    case when g.aggcombinefn <> 0 then pg_catalog.format(', combinefunc = %s', g.aggcombinefn) else '' end,
    case when g.agginitval is not null then pg_catalog.format(', initcond = %L', g.agginitval) else '' end,
    case when g.aggsortop <> 0 then (select pg_catalog.format(', sortop = operator(%I.%s)', so.nspname, o.oprname)
      from pg_catalog.pg_operator o join pg_catalog.pg_namespace so on so.oid = o.oprnamespace
      where o.oid = g.aggsortop) else '' end,
    case p.proparallel when 's' then ', parallel = safe' when 'r' then ', parallel = restricted' else '' end,
    case when g.aggkind = 'h' then ', hypothetical' else '' end) as ddl,
  60 as "order"
from pg_catalog.pg_aggregate g
join pg_catalog.pg_proc p on p.oid = g.aggfnoid
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by p.oid
