-- A payments ledger as a Java application with Hibernate keeps it: postings in monthly partitions, enum types, numeric amounts, cascades, an outbox.
create extension if not exists pg_stat_statements;
select setseed(0.73);
create type account_kind as enum ('CUSTOMER', 'MERCHANT', 'INTERNAL', 'FEE');
create type payment_state as enum ('NEW', 'AUTHORIZED', 'SETTLED', 'REFUNDED', 'DISPUTED', 'FAILED');
create table customer (id bigserial primary key, external_ref varchar(40) not null, email varchar(255) not null, full_name varchar(255) not null, phone varchar(30), country char(2) not null, risk_score integer not null, version integer not null, created_at timestamptz not null, closed_at timestamptz);
create table account (
    id bigserial primary key, customer_id bigint references customer (id), kind account_kind not null, iban varchar(34) not null, currency char(3) not null, balance numeric(19, 4) not null, version integer not null, last_booked_at timestamptz, opened_on date not null
);
create table payment (
    id bigserial primary key, payer_account_id bigint not null references account (id), payee_account_id bigint not null references account (id), state payment_state not null, amount numeric(19, 4) not null, currency char(3) not null,
    idempotency_key uuid not null, reference varchar(140), card_token varchar(64), metadata jsonb, created_at timestamptz not null, settled_at timestamptz, expires_at timestamptz, version integer not null
);
create table refund (id bigserial primary key, payment_id bigint not null references payment (id) on delete cascade, amount numeric(19, 4) not null, reason varchar(60) not null, created_at timestamptz not null);
create table posting (
    id bigserial, account_id bigint not null references account (id), payment_id bigint, amount numeric(19, 4) not null, running numeric(19, 4), kind smallint not null, booked_on date not null, primary key (id, booked_on)
) partition by range (booked_on);
create table bank_line (id bigserial primary key, statement_date date not null, iban varchar(34) not null, amount numeric(19, 4) not null, purpose text not null, matched_payment_id bigint);
create table fx_rate (base char(3) not null, quote char(3) not null, valid_from date not null, rate numeric(18, 8) not null, primary key (base, quote, valid_from));
create table dispute (id bigserial primary key, payment_id bigint not null references payment (id), opened_at timestamptz not null, due_at timestamptz not null, resolved_at timestamptz, assignee varchar(60), notes text not null);
create table daily_total (account_id bigint not null references account (id), day date not null, turnover numeric(19, 4) not null, entries integer not null, primary key (account_id, day));
create table outbox_event (id bigserial primary key, aggregate_type varchar(40) not null, aggregate_id bigint not null, payload jsonb not null, created_at timestamptz not null, published boolean not null default false, locked_by varchar(40));
create table user_session (id varchar(64) primary key, customer_id bigint not null references customer (id) on delete cascade, ip inet not null, last_seen timestamptz not null, expires_at timestamptz not null);
create table audit_entry (id bigserial primary key, entity varchar(40) not null, entity_id bigint not null, actor varchar(60) not null, diff jsonb not null, at timestamptz not null);
do $$ begin for m in 0..17 loop
    execute format('create table posting_%s partition of posting for values from (%L) to (%L)', to_char(date_trunc('month', now()) - m * interval '1 month', 'YYYYMM'), date_trunc('month', now()) - m * interval '1 month', date_trunc('month', now()) - (m - 1) * interval '1 month');
end loop; end $$;
insert into customer (external_ref, email, full_name, phone, country, risk_score, version, created_at, closed_at)
select 'CUS' || md5(i::text), 'User.' || i || '@bank.example', (array['Ana', 'Bo', 'Cem', 'Dora', 'Eli', 'Finn'])[1 + i % 6] || ' ' || (array['Meyer', 'Rossi', 'Novak', 'Silva', 'Kowalski', 'Jensen', 'Maurer'])[1 + i % 7] || i % 500, '+49' || 1500000000 + i * 13, (array['DE', 'AT', 'CH', 'FR'])[1 + (random() * random() * 3)::int], (random() * random() * 100)::int, 1, now() - i * interval '10 minutes', case when random() < 0.06 then now() end from generate_series(1, 80000) i;
insert into account (customer_id, kind, iban, currency, balance, version, last_booked_at, opened_on)
select case when i <= 96000 then 1 + i % 80000 end, case when i > 99990 then 'FEE' when i > 99900 then 'INTERNAL' when i > 96000 then 'MERCHANT' else 'CUSTOMER' end::account_kind, 'DE' || lpad((i * 7919::bigint)::text, 20, '0'), case when random() < 0.9 then 'EUR' else 'CHF' end, (random() * 10000)::numeric(19, 4), 1, now(), current_date - (random() * 900)::int from generate_series(1, 100000) i;
insert into payment (payer_account_id, payee_account_id, state, amount, currency, idempotency_key, reference, card_token, metadata, created_at, settled_at, expires_at, version)
select 1 + (random() * 95999)::int, 96001 + (random() * random() * 3998)::int, case when i > 599000 and random() < 0.8 then 'NEW' when i > 597000 and random() < 0.7 then 'AUTHORIZED' when random() < 0.02 then 'REFUNDED' when random() < 0.002 then 'DISPUTED' when random() < 0.03 then 'FAILED' else 'SETTLED' end::payment_state,
    (random() * random() * 900)::numeric(19, 4), 'EUR', md5('i' || i)::uuid, 'Invoice ' || (random() * 500000)::int, case when random() < 0.6 then md5('card' || (random() * 60000)::int) end, case when i % 3 = 0 then jsonb_build_object('order', i % 200000, 'channel', (array['web', 'pos', 'app'])[1 + i % 3]) end,
    at, case when random() < 0.93 and i < 598000 then at + interval '1 day' end, case when i > 597000 then at + interval '7 days' end, 1
from (select i, now() - interval '500 days' + i * (interval '500 days' / 600000) as at from generate_series(1, 600000) i) g;
insert into refund (payment_id, amount, reason, created_at) select 1 + (random() * 599999)::int, 10, (array['customer', 'fraud', 'error'])[1 + i % 3], now() - random() * interval '400 days' from generate_series(1, 30000) i;
insert into posting (account_id, payment_id, amount, kind, booked_on)
select case side when 1 then p.payer_account_id else p.payee_account_id end, p.id, case side when 1 then -p.amount else p.amount end, 1, p.created_at::date from payment p, generate_series(1, 2) side where p.created_at >= date_trunc('month', now()) - interval '17 months' order by p.id;
insert into bank_line (statement_date, iban, amount, purpose, matched_payment_id) select current_date - 400 + (i / 400), 'DE' || lpad(((1 + random() * 99999)::int * 7919::bigint)::text, 20, '0'), (random() * 900)::numeric(19, 2), 'Invoice ' || (random() * 500000)::int, case when i < 158500 or random() < 0.6 then i * 3 end from generate_series(1, 160000) i;
insert into fx_rate select 'EUR', q, current_date - d, 1 + random() from unnest(array['CHF', 'USD', 'GBP', 'PLN']) q, generate_series(0, 900) d;
insert into dispute (payment_id, opened_at, due_at, resolved_at, assignee, notes) select 1 + (random() * 599999)::int, at, at + interval '14 days', case when i < 19600 then at + interval '10 days' end, 'agent' || i % 25, repeat('note ', 30) from (select i, now() - (20000 - i) * interval '30 minutes' as at from generate_series(1, 20000) i) d;
insert into daily_total select account_id, booked_on, sum(amount), count(*) from posting where booked_on > current_date - 200 group by 1, 2;
insert into outbox_event (aggregate_type, aggregate_id, payload, created_at, published) select (array['payment', 'account'])[1 + i % 2], i, '{"v": 1}', now() - (400000 - i) * interval '20 seconds', i < 399600 from generate_series(1, 400000) i;
insert into user_session select md5('s' || i), 1 + (random() * 79999)::int, ('10.' || i % 250 || '.' || i % 199 || '.7')::inet, now() - random() * interval '3 days', now() + (random() * 40 - 35) * interval '1 day' from generate_series(1, 120000) i;
insert into audit_entry (entity, entity_id, actor, diff, at) select (array['payment', 'account', 'customer', 'payment', 'payment'])[1 + i % 5], (random() * 100000)::int, 'user' || i % 400, '{"a": [1, 2]}', now() - interval '300 days' + i * (interval '300 days' / 500000) from generate_series(1, 500000) i;
create index account_customer_id_idx on account (customer_id);
create index payment_payer_idx on payment (payer_account_id);
create index payment_payer_created_idx on payment (payer_account_id, created_at);
create index payment_state_idx on payment (state);
create index payment_currency_amount_idx on payment (currency, amount, reference);
create index outbox_published_idx on outbox_event (published);
create unique index payment_idempotency_uq on payment (idempotency_key);
create index payment_idempotency_idx on payment (idempotency_key);
vacuum (analyze) customer, account, payment, refund, posting, bank_line, fx_rate, dispute, daily_total, outbox_event, user_session, audit_entry;
