-- one row: a table with policies whose row security is switched off
select
    c.oid::regclass::text as object,
    array_agg(p.polname::text order by p.polname) as policies
from pg_catalog.pg_policy as p
join pg_catalog.pg_class as c on c.oid = p.polrelid
where not c.relrowsecurity
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
group by c.oid
order by 1
