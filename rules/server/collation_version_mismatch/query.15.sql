-- one row: a collation, or the database's default one, with another version than recorded, and the indexes that sort by it
select
    'collation ' || c.oid::regcollation::text as object,
    'COLLATION ' || c.oid::regcollation::text as refresh,
    c.collversion as recorded,
    pg_catalog.pg_collation_actual_version(c.oid) as actual,
    count(distinct i.indexrelid)::int as indexes,
    (array_agg(distinct i.indexrelid::regclass::text))[1:100] as index_names
from pg_catalog.pg_collation as c
join pg_catalog.pg_index as i on c.oid = any (i.indcollation)
where c.collversion <> pg_catalog.pg_collation_actual_version(c.oid)
group by c.oid, c.collversion
union all
select
    'default collation of the database',
    'DATABASE ' || pg_catalog.quote_ident(d.datname),
    d.datcollversion,
    pg_catalog.pg_database_collation_actual_version(d.oid),
    count(distinct i.indexrelid)::int,
    coalesce((array_agg(distinct i.indexrelid::regclass::text) filter (where i.indexrelid is not null))[1:100], '{}')
from pg_catalog.pg_database as d
left join (
    pg_catalog.pg_index as i
    -- The system's own indexes sort by C.
    join pg_catalog.pg_class as r on r.oid = i.indexrelid and r.relkind = 'i' and r.oid >= 16384
) on 100 = any (i.indcollation)
where d.datname = pg_catalog.current_database()
    and d.datcollversion <> pg_catalog.pg_database_collation_actual_version(d.oid)
group by d.oid, d.datname, d.datcollversion
order by 1
