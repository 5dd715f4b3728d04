-- A row is a row-security policy, or the switch of a table that has it on.
select
  'policy' as kind,
  n.nspname as schema,
  c.relname || '.' || p.polname as name,
  pg_catalog.format('create policy %I on %I.%I as %s for %s to %s%s%s', p.polname, n.nspname, c.relname,
    case when p.polpermissive then 'permissive' else 'restrictive' end,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
      else 'all' end,
    case when p.polroles = '{0}' then 'public' else (
      select pg_catalog.string_agg(pg_catalog.quote_ident(r.rolname), ', ' order by r.rolname)
      from pg_catalog.pg_roles r where r.oid = any (p.polroles)) end,
    case when p.polqual is not null
      then ' using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')' else '' end,
    case when p.polwithcheck is not null
      then ' with check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')' else '' end) as ddl,
  90 as "order",
  pg_catalog.json_build_array(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname)) as relations
from pg_catalog.pg_policy p
join pg_catalog.pg_class c on c.oid = p.polrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
union all
select
  'policy', n.nspname, c.relname,
  pg_catalog.format('alter table %I.%I enable row level security%s', n.nspname, c.relname,
    case when c.relforcerowsecurity then ', force row level security' else '' end),
  89,
  pg_catalog.json_build_array(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname))
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relrowsecurity
order by "order", schema, name
