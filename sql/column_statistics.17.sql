-- A row is the planner statistics of one column or index expression, as pg_stats shows them to this role.
select
  json_build_object('schema', n.nspname, 'name', c.relname) as relation,
  a.attname as "column",
  a.attnum,
  s.inherited,
  s.null_frac,
  s.avg_width,
  s.n_distinct,
  s.most_common_vals::text as most_common_vals,
  s.most_common_freqs::float8[] as most_common_freqs,
  s.histogram_bounds::text as histogram_bounds,
  s.correlation,
  s.most_common_elems::text as most_common_elems,
  s.most_common_elem_freqs::float8[] as most_common_elem_freqs,
  s.elem_count_histogram::float8[] as elem_count_histogram,
  s.range_length_histogram::text as range_length_histogram,
  s.range_empty_frac,
  s.range_bounds_histogram::text as range_bounds_histogram
from pg_catalog.pg_stats s
join pg_catalog.pg_namespace n on n.nspname = s.schemaname
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = s.tablename
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = s.attname
where s.schemaname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and s.schemaname !~ '^pg_(toast_)?temp_'
order by n.nspname, c.relname, a.attnum, s.inherited
