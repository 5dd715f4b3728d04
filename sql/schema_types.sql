-- A row is a user-made enum, domain, composite or range type (a multirange comes with its range).
with own as (
  select t.*, n.nspname
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  left join pg_catalog.pg_class r on r.oid = t.typrelid
  where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
    and n.nspname !~ '^pg_(toast_)?temp_'
    and (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and r.relkind = 'c'))
    and not exists (
      select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
)
select
  case when typtype = 'd' then 'domain' else 'type' end as kind,
  nspname as schema,
  typname as name,
  case typtype
    when 'e' then pg_catalog.format('create type %I.%I as enum (%s)', nspname, typname, (
      select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
      from pg_catalog.pg_enum e where e.enumtypid = own.oid))
    when 'c' then pg_catalog.format('create type %I.%I as (%s)', nspname, typname, (
      select pg_catalog.string_agg(pg_catalog.format('%I %s%s', a.attname,
        pg_catalog.format_type(a.atttypid, a.atttypmod),
        case when a.attcollation <> at.typcollation
          then (select pg_catalog.format(' collate %I.%I', cn.nspname, co.collname) from pg_catalog.pg_collation co
                join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace where co.oid = a.attcollation)
          else '' end), ', ' order by a.attnum)
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_type at on at.oid = a.atttypid
      where a.attrelid = own.typrelid and a.attnum > 0 and not a.attisdropped))
    when 'd' then pg_catalog.format('create domain %I.%I as %s%s%s%s%s', nspname, typname,
      pg_catalog.format_type(typbasetype, typtypmod),
      case when typcollation <> (select b.typcollation from pg_catalog.pg_type b where b.oid = own.typbasetype)
        then (select pg_catalog.format(' collate %I.%I', cn.nspname, co.collname) from pg_catalog.pg_collation co
              join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace where co.oid = own.typcollation)
        else '' end,
      case when typdefault is not null
        then ' default ' || coalesce(pg_catalog.pg_get_expr(typdefaultbin, 0), pg_catalog.quote_literal(typdefault))
        else '' end,
      case when typnotnull then ' not null' else '' end,
      coalesce((
        select pg_catalog.string_agg(pg_catalog.format(' constraint %I %s', k.conname,
          pg_catalog.pg_get_constraintdef(k.oid)), '' order by k.conname)
        from pg_catalog.pg_constraint k where k.contypid = own.oid and k.contype = 'c' and k.convalidated), ''))
    when 'r' then (
      select pg_catalog.format('create type %I.%I as range (subtype = %s%s%s)', own.nspname, own.typname,
        pg_catalog.format_type(g.rngsubtype, null),
        case when not oc.opcdefault
          then pg_catalog.format(', subtype_opclass = %I.%I', ocn.nspname, oc.opcname) else '' end,
        coalesce((select pg_catalog.format(', collation = %I.%I', cn.nspname, co.collname)
          from pg_catalog.pg_collation co join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
          join pg_catalog.pg_type st on st.oid = g.rngsubtype
          where co.oid = g.rngcollation and g.rngcollation <> st.typcollation), ''))
      from pg_catalog.pg_range g
      join pg_catalog.pg_opclass oc on oc.oid = g.rngsubopc
      join pg_catalog.pg_namespace ocn on ocn.oid = oc.opcnamespace
      where g.rngtypid = own.oid)
  end as ddl,
  20 as "order"
from own
order by oid
