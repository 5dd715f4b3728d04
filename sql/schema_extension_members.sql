-- A row is a function or type of an installed extension as a stub that never runs but has the same signature,
-- volatility and cost: for a twin whose server lacks the extension.
select 'type' as kind, n.nspname as schema, t.typname as name,
  case t.typtype
    when 'e' then pg_catalog.format('create type %I.%I as enum (%s)', n.nspname, t.typname, (
      select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
      from pg_catalog.pg_enum e where e.enumtypid = t.oid))
    when 'd' then pg_catalog.format('create domain %I.%I as %s', n.nspname, t.typname,
      pg_catalog.format_type(t.typbasetype, t.typtypmod))
    when 'c' then pg_catalog.format('create type %I.%I as (%s)', n.nspname, t.typname, (
      select pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname,
        pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped))
    else pg_catalog.format('create type %1$I.%2$I; '
      'create function %1$I.%3$I(cstring) returns %1$I.%2$I language internal immutable strict as ''textin''; '
      'create function %1$I.%4$I(%1$I.%2$I) returns cstring language internal immutable strict as ''textout''; '
      'create type %1$I.%2$I (input = %1$I.%3$I, output = %1$I.%4$I, like = pg_catalog.text, category = %5$L)',
      n.nspname, t.typname, t.typname || '_pgadvise_in', t.typname || '_pgadvise_out', t.typcategory)
  end as ddl,
  21 as "order", e.extname as extension
from pg_catalog.pg_depend d
join pg_catalog.pg_extension e on e.oid = d.refobjid
join pg_catalog.pg_type t on t.oid = d.objid
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
left join pg_catalog.pg_class r on r.oid = t.typrelid
where d.classid = 'pg_catalog.pg_type'::regclass
  and d.deptype = 'e'
  and d.refclassid = 'pg_catalog.pg_extension'::regclass
  and t.typelem = 0
  and (t.typtype in ('b', 'e', 'd') or (t.typtype = 'c' and r.relkind = 'c'))
union all
select 'function', n.nspname, p.proname,
  pg_catalog.format('create function %I.%I(%s) returns %s language plpgsql %s%s cost %s%s as %L', n.nspname, p.proname,
    pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid),
    case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
    case when p.proisstrict then ' strict' else '' end, p.procost,
    case when p.proretset then pg_catalog.format(' rows %s', p.prorows) else '' end,
    -- PL/pgSQL, because PostgreSQL would inline an SQL stub away, and with it change the plan.
    case when p.proretset or p.proallargtypes is not null then 'begin return; end' else 'begin return null; end' end),
  31, e.extname
from pg_catalog.pg_depend d
join pg_catalog.pg_extension e on e.oid = d.refobjid
join pg_catalog.pg_proc p on p.oid = d.objid
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where d.classid = 'pg_catalog.pg_proc'::regclass
  and d.deptype = 'e'
  and d.refclassid = 'pg_catalog.pg_extension'::regclass
  and p.prokind = 'f'
  and e.extname <> 'plpgsql'
  and p.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype,
    'pg_catalog.cstring'::regtype, 'pg_catalog.internal'::regtype, 'pg_catalog.fdw_handler'::regtype,
    'pg_catalog.index_am_handler'::regtype, 'pg_catalog.table_am_handler'::regtype)
  and not ('pg_catalog.internal'::regtype = any (p.proargtypes::oid[]::regtype[])
    or 'pg_catalog.cstring'::regtype = any (p.proargtypes::oid[]::regtype[]))
order by "order", extension, schema, name
