-- A row is a user-made text search dictionary, configuration or mapping.
select 'text_search' as kind, n.nspname as schema, d.dictname as name,
  pg_catalog.format('create text search dictionary %I.%I (template = %I.%I%s)', n.nspname, d.dictname, tn.nspname,
    t.tmplname, case when coalesce(d.dictinitoption, '') <> '' then ', ' || d.dictinitoption else '' end) as ddl,
  67 as "order"
from pg_catalog.pg_ts_dict d
join pg_catalog.pg_namespace n on n.oid = d.dictnamespace
join pg_catalog.pg_ts_template t on t.oid = d.dicttemplate
join pg_catalog.pg_namespace tn on tn.oid = t.tmplnamespace
where n.nspname <> 'pg_catalog'
  and not exists (
    select from pg_catalog.pg_depend x
    where x.classid = 'pg_catalog.pg_ts_dict'::regclass and x.objid = d.oid and x.deptype = 'e')
union all
select 'text_search', n.nspname, c.cfgname,
  pg_catalog.format('create text search configuration %I.%I (parser = %I.%I)', n.nspname, c.cfgname, pn.nspname,
    p.prsname), 68
from pg_catalog.pg_ts_config c
join pg_catalog.pg_namespace n on n.oid = c.cfgnamespace
join pg_catalog.pg_ts_parser p on p.oid = c.cfgparser
join pg_catalog.pg_namespace pn on pn.oid = p.prsnamespace
where n.nspname <> 'pg_catalog'
  and not exists (
    select from pg_catalog.pg_depend x
    where x.classid = 'pg_catalog.pg_ts_config'::regclass and x.objid = c.oid and x.deptype = 'e')
union all
select 'text_search', n.nspname, c.cfgname || '.' || tt.alias,
  pg_catalog.format('alter text search configuration %I.%I add mapping for %I with %s', n.nspname, c.cfgname, tt.alias,
    (select pg_catalog.string_agg(pg_catalog.format('%I.%I', dn.nspname, d.dictname), ', ' order by m.mapseqno)
     from pg_catalog.pg_ts_config_map m
     join pg_catalog.pg_ts_dict d on d.oid = m.mapdict
     join pg_catalog.pg_namespace dn on dn.oid = d.dictnamespace
     where m.mapcfg = c.oid and m.maptokentype = tt.tokid)), 69
from pg_catalog.pg_ts_config c
join pg_catalog.pg_namespace n on n.oid = c.cfgnamespace
cross join lateral pg_catalog.ts_token_type(c.cfgparser) tt
where n.nspname <> 'pg_catalog'
  and exists (
    select from pg_catalog.pg_ts_config_map m where m.mapcfg = c.oid and m.maptokentype = tt.tokid)
  and not exists (
    select from pg_catalog.pg_depend x
    where x.classid = 'pg_catalog.pg_ts_config'::regclass and x.objid = c.oid and x.deptype = 'e')
order by "order", schema, name
