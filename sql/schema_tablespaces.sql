-- A row is a tablespace with planner options (random_page_cost, seq_page_cost, …).
select 'tablespace' as kind, '' as schema, t.spcname as name,
  pg_catalog.format('alter tablespace %I set (%s)', t.spcname, pg_catalog.array_to_string(t.spcoptions, ', ')) as ddl,
  5 as "order"
from pg_catalog.pg_tablespace t
where t.spcoptions is not null
order by t.spcname
