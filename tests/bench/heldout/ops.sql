-- The back office: a job queue, an outbox, an event log, a payment ledger.
create extension if not exists pg_stat_statements;
select setseed(0.77);
create table jobs (
    id bigint generated always as identity primary key, queue text not null, kind text not null, state text not null, priority smallint not null default 0, payload jsonb not null,
    attempts smallint not null default 0, run_at timestamptz not null, locked_by text, locked_at timestamptz, finished_at timestamptz, unique_key text, error text
);
create table outbox (id bigint generated always as identity primary key, topic text not null, payload jsonb not null, created_at timestamptz not null, sent_at timestamptz);
create table events (
    id bigint generated always as identity primary key, stream_id uuid not null, version integer not null, kind text not null, body jsonb not null, at timestamptz not null, unique (stream_id, version)
);
create table accounts (id bigint generated always as identity primary key, owner_ref text not null, currency char(3) not null, balance numeric(14, 2) not null, status text not null, updated_at timestamptz not null) with (fillfactor = 80);
create table entries (
    id bigint generated always as identity primary key, account_id bigint not null references accounts (id), transfer_id bigint not null, amount numeric(14, 2) not null, booked_at timestamptz not null
);
create table transfers (
    id bigint generated always as identity primary key, from_account bigint not null references accounts (id), to_account bigint not null references accounts (id), amount numeric(14, 2) not null,
    state text not null, idempotency_key text not null, created_at timestamptz not null, settled_at timestamptz
);
create table requests (id bigint generated always as identity primary key, trace_id text not null, path text not null, status smallint not null, ms integer not null, client inet, at timestamptz not null);
insert into jobs (queue, kind, state, priority, payload, attempts, run_at, finished_at, unique_key, error)
select (array['default', 'mail', 'sync'])[1 + (random() * random() * 2)::int], 'kind' || i % 25, case when i > 299200 then 'queued' when i % 300 = 0 then 'failed' else 'done' end, (random() * 3)::int, jsonb_build_object('n', i), 1,
    at, case when i <= 299200 then at + interval '3 seconds' end, case when i % 5 = 0 then 'u' || i end, case when i % 300 = 0 then 'timeout' end
from (select i, now() - interval '30 days' + i * (interval '30 days' / 300000) as at from generate_series(1, 300000) i) j;
insert into outbox (topic, payload, created_at, sent_at)
select 'topic' || i % 12, jsonb_build_object('n', i), at, case when i <= 249700 then at + interval '1 second' end from (select i, now() - interval '20 days' + i * (interval '20 days' / 250000) as at from generate_series(1, 250000) i) o;
insert into events (stream_id, version, kind, body, at)
select md5('s' || i / 8)::uuid, i % 8, 'kind' || i % 30, jsonb_build_object('order', i % 5000, 'n', i), now() - interval '100 days' + i * (interval '100 days' / 500000) from generate_series(1, 500000) i;
insert into accounts (owner_ref, currency, balance, status, updated_at) select 'cust-' || md5(i::text), (array['EUR', 'USD', 'GBP'])[1 + (random() * random() * 2)::int], random() * 5000, case when random() < 0.02 then 'frozen' else 'open' end, now() from generate_series(1, 40000) i;
insert into transfers (from_account, to_account, amount, state, idempotency_key, created_at, settled_at)
select 1 + (random() * random() * 39999)::int, 1 + (random() * 39999)::int, random() * 100, case when i > 299500 then 'pending' when random() < 0.01 then 'failed' else 'settled' end, md5('t' || i), at, case when i <= 299500 then at + interval '1 minute' end
from (select i, now() - interval '300 days' + i * (interval '300 days' / 300000) as at from generate_series(1, 300000) i) t;
insert into entries (account_id, transfer_id, amount, booked_at)
select case when s = 0 then from_account else to_account end, id, amount * (2 * s - 1), created_at from transfers, generate_series(0, 1) s;
insert into requests (trace_id, path, status, ms, client, at)
select md5(i::text), '/api/' || i % 80, case when random() < 0.012 then 500 when random() < 0.05 then 404 else 200 end, (random() * random() * 2000)::int, ('10.9.' || i % 250 || '.' || i % 99)::inet, now() - interval '14 days' + i * (interval '14 days' / 700000) from generate_series(1, 700000) i;
vacuum (analyze) jobs, outbox, events, accounts, transfers, entries, requests;
