-- Parking: camelCase names, UUIDv7 keys, epoch milliseconds, soft delete, dates, list partitions, inheritance,
-- two tenants, a view on top.
create schema "Parking";
create schema tenant_a;
create schema tenant_b;
create table "Parking"."Driver" ("driverId" uuid primary key, "eMail" text not null unique, "createdAt" timestamptz not null default now());
insert into "Parking"."Driver" select md5(i::text)::uuid, 'd' || i || '@x.example', now() - i * interval '1 hour' from generate_series(1, 200) i;
create table "Parking"."VehiclePing" (
  "pingId" uuid primary key, "driverId" uuid not null references "Parking"."Driver" ("driverId") on delete cascade,
  "lat" double precision not null, "lng" double precision not null, "speedKmh" real, "capturedAtMs" bigint not null);
insert into "Parking"."VehiclePing"
select (lpad(to_hex((extract(epoch from t) * 1000)::bigint), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid,
  md5((1 + i % 200)::text)::uuid, 50 + random(), 8 + random(), i % 90, (extract(epoch from t) * 1000)::bigint
from (select i, now() - interval '150 days' + i * interval '18 minutes' as t from generate_series(1, 12000) i) s;
create table "Parking"."userSession" (
  "sessionToken" text primary key, "driverId" uuid not null, "createdAt" timestamp not null, "lastSeenAt" timestamp not null, "ipAddress" inet, "deletedAt" timestamp);
insert into "Parking"."userSession"
select md5(i::text), md5((1 + i % 200)::text)::uuid, t, t + interval '3 hours', '10.0.0.1', case when i % 3 = 0 then t + interval '4 hours' end
from (select i, (now() at time zone 'UTC') - interval '80 days' + i * interval '12 minutes' as t from generate_series(1, 9600) i) s;
create view "Parking"."activeSession" as select * from "Parking"."userSession" where "deletedAt" is null;
create table "Parking"."pushNotification" (
  "id" bigint generated always as identity primary key, "recipientId" uuid not null, "payload" jsonb not null, "isRead" boolean, "sentOn" date not null);
insert into "Parking"."pushNotification" ("recipientId", payload, "isRead", "sentOn")
select md5((1 + i % 200)::text)::uuid, jsonb_build_object('n', i), nullif(i % 7, 0) > 3, (current_date - 300) + i / 30 from generate_series(1, 9000) i;
create table tenant_a.parking_event (id bigserial primary key, spot_id int not null, kind text, occurred_at timestamptz not null default now());
create table tenant_b.parking_event (id bigserial primary key, spot_id int not null, kind text, occurred_at timestamptz not null default now());
insert into tenant_a.parking_event (spot_id, kind, occurred_at) select i % 50, 'in', now() - interval '70 days' + i * interval '15 minutes' from generate_series(1, 6700) i;
insert into tenant_b.parking_event (spot_id, kind, occurred_at) select i % 50, 'out', now() - interval '40 days' + i * interval '15 minutes' from generate_series(1, 3800) i;
create table "Parking"."sensorReading" (region text not null, sensor int not null, "readAt" timestamptz not null, occupied boolean, primary key (region, sensor, "readAt")) partition by list (region);
create table "Parking"."sensorReading_n" partition of "Parking"."sensorReading" for values in ('north');
create table "Parking"."sensorReading_s" partition of "Parking"."sensorReading" for values in ('south');
insert into "Parking"."sensorReading" select case when i % 2 = 0 then 'north' else 'south' end, i % 40, now() - interval '60 days' + i * interval '6 minutes', i % 3 = 0 from generate_series(1, 14000) i;
create table "Parking"."gateLog" (id bigint, gate int, message text, logged_at timestamptz not null);
do $x$ declare m timestamptz := date_trunc('month', now()); begin for n in -2..0 loop execute
  format('create table "Parking".%I (check (logged_at >= %L and logged_at < %L)) inherits ("Parking"."gateLog")',
    'gateLog_' || n + 2, m + n * interval '1 month', m + (n + 1) * interval '1 month'); execute
  format('insert into "Parking".%I select i, 1, ''x'', t from generate_series(%L::timestamptz,
    least(now(), %L::timestamptz - interval ''1 second''), interval ''30 minutes'') with ordinality g (t, i)',
    'gateLog_' || n + 2, m + n * interval '1 month', m + (n + 1) * interval '1 month'); end loop; end $x$;
analyze
