-- A multi-tenant work tracker: every table has a tenant, most rows are never deleted but marked so, custom fields are jsonb.
create extension if not exists pg_stat_statements;
select setseed(0.61);
create table tenants (id integer generated always as identity primary key, slug text not null unique, plan text not null, created_at timestamptz not null);
create table members (
    id bigint generated always as identity primary key, tenant_id integer not null references tenants (id), email text not null, name text not null, role text not null,
    last_seen_at timestamptz, deleted_at timestamptz
);
create table projects (
    id bigint generated always as identity primary key, tenant_id integer not null references tenants (id), name text not null, archived boolean not null default false, created_at timestamptz not null, deleted_at timestamptz
);
create table tasks (
    id bigint generated always as identity primary key, tenant_id integer not null references tenants (id), project_id bigint not null references projects (id), assignee_id bigint references members (id),
    title text not null, state varchar(20) not null, priority smallint not null, due_on date, custom jsonb not null default '{}', labels text[] not null default '{}', position double precision not null,
    created_at timestamptz not null, updated_at timestamptz not null, deleted_at timestamptz
);
create table comments (
    id bigint generated always as identity primary key, tenant_id integer not null references tenants (id), task_id bigint not null references tasks (id) on delete cascade, author_id bigint not null references members (id),
    body text not null, created_at timestamptz not null, deleted_at timestamptz
);
create table attachments (id uuid primary key default gen_random_uuid(), tenant_id integer not null, task_id bigint not null references tasks (id) on delete cascade, path text not null, bytes bigint not null, created_at timestamptz not null);
create table api_keys (id bigint generated always as identity primary key, tenant_id integer not null references tenants (id), token_hash text not null, last_used_at timestamptz, revoked_at timestamptz);
create table activity (
    id bigint generated always as identity primary key, tenant_id integer not null, member_id bigint, task_id bigint, verb text not null, data jsonb not null default '{}', at timestamptz not null
);
insert into tenants (slug, plan, created_at) select 'tenant-' || i, (array['free', 'team', 'business'])[1 + i % 3], now() - i * interval '1 day' from generate_series(1, 400) i;
insert into members (tenant_id, email, name, role, last_seen_at, deleted_at)
select 1 + (random() * random() * 399)::int, 'Person' || i || '@firm.example', 'Person ' || i, (array['member', 'admin', 'guest'])[1 + (random() * random() * 2)::int], now() - random() * interval '30 days', case when random() < 0.05 then now() end from generate_series(1, 25000) i;
insert into projects (tenant_id, name, archived, created_at, deleted_at)
select 1 + (random() * random() * 399)::int, 'Project ' || i, random() < 0.3, now() - random() * interval '700 days', case when random() < 0.04 then now() end from generate_series(1, 6000) i;
insert into tasks (tenant_id, project_id, assignee_id, title, state, priority, due_on, custom, labels, position, created_at, updated_at, deleted_at)
select p.tenant_id, p.id, case when random() < 0.7 then 1 + (random() * 24999)::int end, 'Task ' || i, case when random() < 0.75 then 'done' when random() < 0.8 then 'todo' else 'doing' end, 1 + i % 4,
    case when random() < 0.4 then current_date - 300 + (random() * 330)::int end, jsonb_build_object('sprint', i % 60, 'points', i % 8), array['l' || i % 90], random() * 1000, at, at + random() * interval '20 days', case when random() < 0.06 then now() end
from (select i, 1 + (random() * 5999)::int as project, now() - interval '600 days' + i * (interval '600 days' / 350000) as at from generate_series(1, 350000) i) t join projects p on p.id = t.project;
insert into comments (tenant_id, task_id, author_id, body, created_at, deleted_at)
select t.tenant_id, t.id, 1 + (random() * 24999)::int, repeat('word ', 14), now() - interval '600 days' + c.i * (interval '600 days' / 400000), case when random() < 0.02 then now() end
from (select i, 1 + (random() * 340000)::int as task from generate_series(1, 400000) i) c join tasks t on t.id = c.task;
insert into attachments (tenant_id, task_id, path, bytes, created_at) select 1 + i % 400, 1 + (random() * 340000)::int, '/f/' || md5(i::text), (random() * 1e6)::int, now() from generate_series(1, 60000) i;
insert into api_keys (tenant_id, token_hash, last_used_at, revoked_at) select 1 + i % 400, md5('k' || i), now(), case when i % 3 = 0 then now() end from generate_series(1, 4000) i;
insert into activity (tenant_id, member_id, task_id, verb, data, at)
select 1 + (random() * random() * 399)::int, 1 + (random() * 24999)::int, 1 + (random() * 340000)::int, (array['moved', 'commented', 'created', 'closed'])[1 + i % 4], '{}', now() - interval '200 days' + i * (interval '200 days' / 600000) from generate_series(1, 600000) i;
vacuum (analyze) tenants, members, projects, tasks, comments, attachments, api_keys, activity;
