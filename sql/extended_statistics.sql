-- A row is a CREATE STATISTICS object; what ANALYZE found is visible to the table's owner (pg_stats_ext).
select
  n.nspname as schema,
  e.stxname as name,
  json_build_object('schema', tn.nspname, 'name', t.relname) as "table",
  pg_catalog.pg_get_statisticsobjdef(e.oid) as definition,
  array(
    select a.attname::text
    from pg_catalog.unnest(e.stxkeys::int2[]) with ordinality as k (attnum, ord)
    join pg_catalog.pg_attribute a on a.attrelid = e.stxrelid and a.attnum = k.attnum
    order by k.ord
  ) as columns,
  array(
    select k.attnum
    from pg_catalog.unnest(e.stxkeys::int2[]) with ordinality as k (attnum, ord)
    order by k.ord
  ) as attnums,
  e.stxkind::text[] as kinds,
  false as inherited,
  s.n_distinct::text as n_distinct,
  s.dependencies::text as dependencies,
  case when s.most_common_vals is not null
    then pg_catalog.array_to_json(s.most_common_vals) end as most_common_vals,
  s.most_common_freqs::float8[] as most_common_freqs,
  s.most_common_base_freqs::float8[] as most_common_base_freqs,
  nullif(e.stxstattarget, -1) as target
from pg_catalog.pg_statistic_ext e
join pg_catalog.pg_namespace n on n.oid = e.stxnamespace
join pg_catalog.pg_class t on t.oid = e.stxrelid
join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
left join pg_catalog.pg_stats_ext s on s.statistics_schemaname = n.nspname and s.statistics_name = e.stxname
where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and tn.nspname !~ '^pg_(toast_)?temp_'
order by n.nspname, e.stxname
