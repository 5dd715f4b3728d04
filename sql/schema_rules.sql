-- A row is a user-made rewrite rule of a table or view (the _RETURN rules are the views themselves).
select
  'rule' as kind,
  n.nspname as schema,
  c.relname || '.' || r.rulename as name,
  pg_catalog.pg_get_ruledef(r.oid) as ddl,
  85 as "order",
  pg_catalog.json_build_array(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname)) as relations
from pg_catalog.pg_rewrite r
join pg_catalog.pg_class c on c.oid = r.ev_class
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN'
  and r.ev_enabled in ('O', 'A')
  and n.nspname not in ('pg_catalog', 'information_schema')
order by r.oid
