-- one row: a connected standby and the part it has in synchronous replication
select w.application_name::text as name, w.state, w.sync_state
from pg_catalog.pg_stat_replication as w
order by 1, 2, 3
