-- One row per function or session that shows who runs the server.
select p.proname as mark
from pg_catalog.pg_proc as p
where p.proname = 'aurora_version' and p.pronargs = 0
union
select 'Patroni'
from pg_catalog.pg_stat_activity as a
where a.application_name like 'Patroni%'
order by mark;
