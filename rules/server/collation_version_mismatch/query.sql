-- one row: a collation of this database with another version than recorded, and the indexes that sort by it
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
order by 1
