-- One row per schema made by users.
select
    n.nspname as name,
    pg_catalog.pg_get_userbyid(n.nspowner) as owner,
    exists (
        select 1
        from pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) as acl
        where acl.grantee = 0 and acl.privilege_type = 'CREATE'
    ) as can_create_public
from pg_catalog.pg_namespace as n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by n.nspname;
