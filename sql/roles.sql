-- One row per role, predefined ones left out.
select
    r.rolname as name,
    r.rolsuper as superuser,
    r.rolcanlogin as can_login,
    r.rolbypassrls as bypass_rls,
    r.rolconnlimit as connection_limit,
    r.rolcreaterole as create_role
from pg_catalog.pg_roles as r
where r.oid >= 16384 or r.rolcanlogin
order by r.rolname;
