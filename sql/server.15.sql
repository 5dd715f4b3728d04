-- One row: the server and the database of this session.
select
    pg_catalog.current_setting('server_version_num')::integer as version_num,
    pg_catalog.current_setting('server_version') as version,
    d.datname as database,
    current_user as user,
    r.rolsuper as is_superuser,
    pg_catalog.pg_is_in_recovery() as in_recovery,
    pg_catalog.pg_postmaster_start_time() as started_at,
    pg_catalog.pg_conf_load_time() as config_loaded_at,
    pg_catalog.clock_timestamp() as collected_at,
    pg_catalog.pg_encoding_to_char(d.encoding) as encoding,
    d.datcollate::text as lc_collate,
    d.datctype::text as lc_ctype,
    d.datlocprovider::text as locale_provider,
    d.daticulocale as icu_locale,
    pg_catalog.age(d.datfrozenxid) as datfrozenxid_age,
    pg_catalog.mxid_age(d.datminmxid) as datminmxid_age,
    pg_catalog.current_setting('block_size')::integer as block_size,
    -- Predefined roles only: what they allow is what a gap's remedy names.
    array(
        select m.rolname::text
        from pg_catalog.pg_roles as m
        where m.oid < 16384 and m.rolname like 'pg\_%' and pg_catalog.pg_has_role(r.oid, m.oid, 'usage')
        order by m.rolname
    ) as memberships
from pg_catalog.pg_database as d
join pg_catalog.pg_roles as r on r.rolname = current_user
where d.datname = pg_catalog.current_database()
order by d.datname;
