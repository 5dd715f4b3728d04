-- One row per sequence, without its last value: reading that locks the sequence until the transaction ends.
select
    c.oid::bigint as oid,
    n.nspname as schema,
    c.relname as name,
    pg_catalog.format_type(s.seqtypid, null) as data_type,
    s.seqstart as start_value,
    s.seqmin as min_value,
    s.seqmax as max_value,
    s.seqincrement as increment_by,
    s.seqcycle as cycle,
    pg_catalog.has_sequence_privilege(c.oid, 'select,usage') as readable,
    case when t.oid is not null
        then pg_catalog.json_build_object('schema', tn.nspname, 'name', t.relname)
    end as owned_by,
    a.attname as owned_by_column
from pg_catalog.pg_sequence as s
join pg_catalog.pg_class as c on c.oid = s.seqrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_class'::regclass
    and d.objid = c.oid
    and d.refclassid = 'pg_catalog.pg_class'::regclass
    and d.refobjsubid > 0
    and d.deptype in ('a', 'i')
left join pg_catalog.pg_class as t on t.oid = d.refobjid
left join pg_catalog.pg_namespace as tn on tn.oid = t.relnamespace
left join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by n.nspname, c.relname;
