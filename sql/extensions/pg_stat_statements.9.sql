-- One row per statement of this database, the dearest first. The schema of the extension is on the search path.
-- Texts are cut at %(text_limit)s characters, and after %(total_limit)s bytes of texts the rest are left out.
select
    x.queryid,
    r.rolname as role,
    x.toplevel,
    case
        when x.query = '<insufficient privilege>' or x.text_bytes_before > %(total_limit)s then null
        else pg_catalog.left(x.query, %(text_limit)s)
    end as query,
    case
        when x.query = '<insufficient privilege>' then 'hidden'
        when x.query is null then 'missing'
        when x.text_bytes_before > %(total_limit)s then 'left out'
        when pg_catalog.length(x.query) > %(text_limit)s then 'cut'
        else 'whole'
    end as text_state,
    x.calls,
    x.total_exec_time,
    x.min_exec_time,
    x.max_exec_time,
    x.mean_exec_time,
    x.stddev_exec_time,
    x.rows,
    x.plans,
    x.total_plan_time,
    x.shared_blks_hit,
    x.shared_blks_read,
    x.shared_blks_dirtied,
    x.shared_blks_written,
    x.local_blks_hit,
    x.local_blks_read,
    x.temp_blks_read,
    x.temp_blks_written,
    x.blk_read_time as shared_blk_read_time,
    x.blk_write_time as shared_blk_write_time,
    x.wal_records,
    x.wal_fpi,
    x.wal_bytes::bigint as wal_bytes
from (
    select
        s.*,
        pg_catalog.sum(
            case when s.query = '<insufficient privilege>' then 0
                else least(pg_catalog.octet_length(s.query), %(text_limit)s)
            end
        ) over (order by s.total_exec_time desc, s.userid, s.queryid rows unbounded preceding) as text_bytes_before
    from pg_stat_statements(%(with_texts)s) as s
    where s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
) as x
left join pg_catalog.pg_roles as r on r.oid = x.userid
order by x.total_exec_time desc, x.userid, x.queryid, x.toplevel;
