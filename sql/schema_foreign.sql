-- A row is a foreign-data wrapper, a server or a foreign table. Servers get no address: nothing may connect.
select 'foreign_wrapper' as kind, '' as schema, w.fdwname as name,
  pg_catalog.format('create foreign data wrapper %I', w.fdwname) as ddl, 65 as "order",
  (select e.extname from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid
   where d.classid = 'pg_catalog.pg_foreign_data_wrapper'::regclass and d.objid = w.oid and d.deptype = 'e'
   limit 1) as extension,
  '[]'::json as relations
from pg_catalog.pg_foreign_data_wrapper w
union all
select 'foreign_server', '', s.srvname,
  pg_catalog.format('create server %I foreign data wrapper %I%s', s.srvname, w.fdwname,
    coalesce((select ' options (' || pg_catalog.string_agg(pg_catalog.format('%I %L',
        pg_catalog.split_part(o, '=', 1), pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') || ')'
      from pg_catalog.unnest(s.srvoptions) o
      where o ~ '^(fdw_startup_cost|fdw_tuple_cost|fetch_size|async_capable|extensions)='), '')),
  66, null::name, '[]'::json
from pg_catalog.pg_foreign_server s
join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw
union all
select 'foreign_table', n.nspname, c.relname,
  pg_catalog.format('create foreign table %I.%I (%s) server %I%s', n.nspname, c.relname, (
      select pg_catalog.string_agg(pg_catalog.format('%I %s%s', a.attname,
        pg_catalog.format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' else '' end),
        ', ' order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    s.srvname,
    coalesce((select ' options (' || pg_catalog.string_agg(pg_catalog.format('%I %L',
        pg_catalog.split_part(o, '=', 1), pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') || ')'
      from pg_catalog.unnest(f.ftoptions) o
      where o !~ '^(use_remote_estimate|password|user)='), '')),
  70, null::name,
  pg_catalog.json_build_array(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname))
from pg_catalog.pg_foreign_table f
join pg_catalog.pg_class c on c.oid = f.ftrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_foreign_server s on s.oid = f.ftserver
order by "order", schema, name
