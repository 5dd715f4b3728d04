-- A row is the planner statistics of one column or index expression straight from pg_statistic (superusers only):
-- with row security no obstacle, and with range statistics, which pg_stats shows from 17 on only.
select
  json_build_object('schema', n.nspname, 'name', c.relname) as relation,
  a.attname as "column",
  a.attnum,
  s.stainherit as inherited,
  s.stanullfrac as null_frac,
  s.stawidth as avg_width,
  s.stadistinct as n_distinct,
  case 1 when s.stakind1 then s.stavalues1::text when s.stakind2 then s.stavalues2::text
         when s.stakind3 then s.stavalues3::text when s.stakind4 then s.stavalues4::text
         when s.stakind5 then s.stavalues5::text end as most_common_vals,
  case 1 when s.stakind1 then s.stanumbers1 when s.stakind2 then s.stanumbers2 when s.stakind3 then s.stanumbers3
         when s.stakind4 then s.stanumbers4 when s.stakind5 then s.stanumbers5 end::float8[] as most_common_freqs,
  case 2 when s.stakind1 then s.stavalues1::text when s.stakind2 then s.stavalues2::text
         when s.stakind3 then s.stavalues3::text when s.stakind4 then s.stavalues4::text
         when s.stakind5 then s.stavalues5::text end as histogram_bounds,
  case 3 when s.stakind1 then s.stanumbers1[1] when s.stakind2 then s.stanumbers2[1]
         when s.stakind3 then s.stanumbers3[1] when s.stakind4 then s.stanumbers4[1]
         when s.stakind5 then s.stanumbers5[1] end as correlation,
  case 4 when s.stakind1 then s.stavalues1::text when s.stakind2 then s.stavalues2::text
         when s.stakind3 then s.stavalues3::text when s.stakind4 then s.stavalues4::text
         when s.stakind5 then s.stavalues5::text end as most_common_elems,
  case 4 when s.stakind1 then s.stanumbers1 when s.stakind2 then s.stanumbers2 when s.stakind3 then s.stanumbers3
         when s.stakind4 then s.stanumbers4 when s.stakind5 then s.stanumbers5 end::float8[] as most_common_elem_freqs,
  case 5 when s.stakind1 then s.stanumbers1 when s.stakind2 then s.stanumbers2 when s.stakind3 then s.stanumbers3
         when s.stakind4 then s.stanumbers4 when s.stakind5 then s.stanumbers5 end::float8[] as elem_count_histogram,
  case 6 when s.stakind1 then s.stavalues1::text when s.stakind2 then s.stavalues2::text
         when s.stakind3 then s.stavalues3::text when s.stakind4 then s.stavalues4::text
         when s.stakind5 then s.stavalues5::text end as range_length_histogram,
  case 6 when s.stakind1 then s.stanumbers1[1] when s.stakind2 then s.stanumbers2[1]
         when s.stakind3 then s.stanumbers3[1] when s.stakind4 then s.stanumbers4[1]
         when s.stakind5 then s.stanumbers5[1] end as range_empty_frac,
  case 7 when s.stakind1 then s.stavalues1::text when s.stakind2 then s.stavalues2::text
         when s.stakind3 then s.stavalues3::text when s.stakind4 then s.stavalues4::text
         when s.stakind5 then s.stavalues5::text end as range_bounds_histogram
from pg_catalog.pg_statistic s
join pg_catalog.pg_class c on c.oid = s.starelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = s.starelid and a.attnum = s.staattnum and not a.attisdropped
where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and n.nspname !~ '^pg_(toast_)?temp_'
order by n.nspname, c.relname, a.attnum, s.stainherit
