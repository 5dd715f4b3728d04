-- One row: queries of this database that a standby cancelled because they stood in the way of recovery, by reason.
select
    s.confl_tablespace as tablespace,
    s.confl_lock as lock,
    s.confl_snapshot as snapshot,
    s.confl_bufferpin as bufferpin,
    s.confl_deadlock as deadlock,
    null::bigint as active_logicalslot
from pg_catalog.pg_stat_database_conflicts as s
where s.datname = pg_catalog.current_database()
order by s.datname;
