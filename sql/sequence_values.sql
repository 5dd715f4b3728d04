-- One row per sequence of oids: the last value that was handed out, null when none was.
select c.oid::bigint as oid, pg_catalog.pg_sequence_last_value(c.oid::regclass) as last_value
from pg_catalog.pg_class as c
where
    c.oid = any(%(oids)s::oid[])
    and c.relkind = 'S'
    and not c.oid = any(%(locked)s::oid[])
    -- An unlogged sequence has no file on a standby.
    and not (c.relpersistence = 'u' and pg_catalog.pg_is_in_recovery())
order by c.oid;
