-- Messenger: foreign keys that hold, cascade and set null, rules, an outbox, a default partition with rows,
-- row security, epoch seconds, an audit trail with an archive.
create table account (id uuid primary key, handle text not null unique, created timestamptz not null default now());
insert into account select md5(i::text)::uuid, 'h' || i, now() from generate_series(1, 100) i;
create table conversation (id bigint primary key, title text, opened timestamptz not null);
insert into conversation select i, 'c' || i, now() - interval '300 days' + i * interval '1 day' from generate_series(1, 299) i;
create table message (id bigint generated always as identity primary key, conversation_id bigint not null references conversation,
  sender uuid not null references account, reply_to bigint references message (id) on delete set null, body text, edited_at timestamptz, deleted_at timestamptz, sent_at timestamptz not null);
insert into message (conversation_id, sender, reply_to, body, deleted_at, sent_at)
select 1 + i % 299, md5((1 + i % 100)::text)::uuid, case when i > 50 and i % 10 = 0 then i - 50 end, repeat('m', 40), case when i % 20 = 0 then now() end, now() - interval '500 days' + i * interval '1 hour' from generate_series(1, 11900) i;
create table read_receipt (message_id bigint not null references message (id), reader uuid not null references account, read_at timestamptz not null, primary key (message_id, reader));
insert into read_receipt select m.id, md5('7')::uuid, m.sent_at + interval '5 minutes' from message m where m.id % 2 = 0 and m.sent_at < now() - interval '1 hour';
create index on read_receipt (reader);
create table auth_session (id uuid primary key default gen_random_uuid(), account_id uuid not null references account, refresh_token_hash bytea not null, user_agent text, expires_at bigint not null);
insert into auth_session select md5(i::text)::uuid, md5((1 + i % 100)::text)::uuid, '\x00', 'UA', (extract(epoch from now() - interval '60 days' + i * interval '10 minutes'))::bigint from generate_series(1, 10000) i;
create table device_location (account_id uuid not null references account, at timestamptz not null, point point not null, accuracy_m real, primary key (account_id, at));
insert into device_location select md5((1 + i % 100)::text)::uuid, now() - interval '200 days' + i * interval '30 minutes', point(1, 2), 5 from generate_series(1, 9300) i;
create table notification_outbox (id bigserial, account_id uuid not null, kind text not null, payload jsonb, created_at timestamptz not null default now(), processed_at timestamptz, primary key (id));
insert into notification_outbox (account_id, kind, payload, created_at, processed_at) select md5((1 + i % 100)::text)::uuid, 'm', '{}', t, case when i % 50 > 0 then t + interval '1 minute' end
from (select i, now() - interval '30 days' + i * interval '4 minutes' as t from generate_series(1, 10700) i) s;
create table audit_trail (event_id uuid primary key, actor uuid, action text, occurred_at timestamptz not null) ;
insert into audit_trail select md5(i::text)::uuid, null, 'x', now() - interval '900 days' + i * interval '2 hours' from generate_series(1, 10800) i;
create rule audit_no_update as on update to audit_trail do instead nothing;
create table login_attempt (account_id uuid, ok boolean, attempted_at timestamptz) partition by range (attempted_at);
create table login_attempt_default partition of login_attempt default;
do $x$ declare m timestamptz := date_trunc('month', now()); begin for n in -1..0 loop execute
  format('create table login_attempt_%s partition of login_attempt for values from (%L) to (%L)',
    n + 1, m + n * interval '1 month', m + (n + 1) * interval '1 month'); end loop; end $x$;
insert into login_attempt select md5('1')::uuid, true, now() - interval '100 days' + i * interval '20 minutes' from generate_series(1, 7190) i;
alter table device_location enable row level security;
create policy own on device_location using (account_id = current_setting('app.account', true)::uuid);
analyze
