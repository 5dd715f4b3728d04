-- One row per setting that alter role or alter database has stored and that can reach a session of this database.
select
    d.datname as database,
    r.rolname as role,
    pg_catalog.split_part(item.config, '=', 1) as name,
    pg_catalog.substr(item.config, pg_catalog.strpos(item.config, '=') + 1) as value
from pg_catalog.pg_db_role_setting as s
cross join lateral pg_catalog.unnest(s.setconfig) as item (config)
left join pg_catalog.pg_database as d on d.oid = s.setdatabase
left join pg_catalog.pg_roles as r on r.oid = s.setrole
where s.setdatabase = 0 or d.datname = pg_catalog.current_database()
order by d.datname, r.rolname, name;
