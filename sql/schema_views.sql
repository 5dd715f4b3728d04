-- A row is a user-made view with the relations it reads.
select
  'view' as kind,
  n.nspname as schema,
  c.relname as name,
  pg_catalog.format('create view %I.%I (%s)%s as %s', n.nspname, c.relname, (
      select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    coalesce((
      select ' with (' || pg_catalog.string_agg(o, ', ') || ')' from pg_catalog.unnest(c.reloptions) o
      where o ~ '^security_(barrier|invoker)='), ''),
    pg_catalog.pg_get_viewdef(c.oid)) as ddl,
  80 as "order",
  (select coalesce(pg_catalog.json_agg(distinct pg_catalog.jsonb_build_object('schema', rn.nspname, 'name', r.relname)),
    '[]')
   from pg_catalog.pg_rewrite w
   join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
     and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> c.oid
   join pg_catalog.pg_class r on r.oid = d.refobjid
   join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
   where w.ev_class = c.oid) as relations
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v'
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast_)?temp_'
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.oid
