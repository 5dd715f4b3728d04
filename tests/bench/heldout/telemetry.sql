-- A vehicle fleet's telemetry as a Go service with sqlc and pgx keeps it: readings in monthly partitions, positions, trips, alarms, a command queue, heartbeats.
create extension if not exists pg_stat_statements;
select setseed(0.41);
create table fleet (id integer primary key, name text not null unique, timezone text not null, settings jsonb not null);
create table driver (id bigint generated always as identity primary key, fleet_id integer not null references fleet (id), name text not null, email text not null, license_no text not null, phone text, active boolean not null, hired_on date not null);
create table vehicle (
    id bigint generated always as identity primary key, fleet_id integer not null references fleet (id), vin text not null unique, plate text not null, model text not null, tags text[] not null,
    status text not null, odometer_km integer not null, service_due_km integer not null, created_at timestamptz not null, retired_at timestamptz
);
create table device (
    id bigint generated always as identity primary key, fleet_id integer not null references fleet (id), vehicle_id bigint references vehicle (id), serial text not null unique, imei text not null unique, firmware text not null, config jsonb not null,
    provisioned boolean not null, last_seen timestamptz not null, last_lat double precision, last_lon double precision, battery smallint not null, created_at timestamptz not null
) with (fillfactor = 80);
create table reading (
    device_id bigint not null, metric smallint not null, recorded_at timestamptz not null, received_at timestamptz not null, value double precision not null, quality smallint not null, attrs jsonb
) partition by range (recorded_at);
create table position (id bigint generated always as identity primary key, device_id bigint not null, at timestamptz not null, lat double precision not null, lon double precision not null, speed smallint not null, heading smallint not null, ignition boolean not null);
create table geofence (
    id bigint generated always as identity primary key, fleet_id integer not null references fleet (id), name text not null, kind text not null, min_lat double precision not null, max_lat double precision not null, min_lon double precision not null, max_lon double precision not null,
    active_during tstzrange not null, outline jsonb not null
);
create table geofence_event (id bigint generated always as identity primary key, geofence_id bigint not null references geofence (id), device_id bigint not null references device (id), entered_at timestamptz not null, left_at timestamptz);
create table trip (
    id bigint generated always as identity primary key, vehicle_id bigint not null references vehicle (id), driver_id bigint references driver (id), started_at timestamptz not null, ended_at timestamptz, distance_m integer not null, score smallint, summary jsonb not null
);
create table alarm (
    id bigint generated always as identity primary key, device_id bigint not null references device (id), kind text not null, severity smallint not null, state text not null, raised_at timestamptz not null, acked_at timestamptz, acked_by text, closed_at timestamptz, repeats integer not null default 0, payload jsonb not null
);
create table work_order (
    id bigint generated always as identity primary key, number text not null unique, vehicle_id bigint not null references vehicle (id), alarm_id bigint references alarm (id) on delete set null, state text not null, priority smallint not null, mechanic text, due_on date not null, created_at timestamptz not null, notes text not null
);
create table command (
    id bigint generated always as identity primary key, device_id bigint not null references device (id), correlation_id uuid not null, kind text not null, payload jsonb not null, state text not null, priority smallint not null, attempts smallint not null, run_after timestamptz not null, sent_at timestamptz, created_at timestamptz not null
);
create table device_state (device_id bigint not null references device (id), key text not null, value jsonb not null, updated_at timestamptz not null, primary key (device_id, key)) with (fillfactor = 80);
create table firmware (version text primary key, channel text not null, notes text not null, released_at timestamptz not null, mandatory boolean not null);
create table usage_daily (device_id bigint not null, day date not null, messages integer not null, bytes bigint not null, primary key (device_id, day));
do $$ begin for m in 0..5 loop
    execute format('create table reading_%s partition of reading for values from (%L) to (%L)', to_char(date_trunc('month', now()) - m * interval '1 month', 'YYYYMM'), date_trunc('month', now()) - m * interval '1 month', date_trunc('month', now()) - (m - 1) * interval '1 month');
end loop; end $$;
insert into fleet select i, 'Fleet ' || i, 'Europe/Berlin', '{"units": "km"}' from generate_series(1, 60) i;
insert into driver (fleet_id, name, email, license_no, phone, active, hired_on)
select 1 + (59 * random() * random())::int, (array['Ana', 'Bo', 'Cem', 'Dora', 'Eli', 'Finn', 'Gus'])[1 + i % 7] || ' ' || (array['Meyer', 'Rossi', 'Novak', 'Silva', 'Jensen'])[1 + i % 5] || i % 900, 'Driver.' || i || '@Fleet.example', 'L' || md5(i::text), '+49' || 1500000000 + i, random() < 0.94, current_date - (random() * 3000)::int from generate_series(1, 40000) i;
insert into vehicle (fleet_id, vin, plate, model, tags, status, odometer_km, service_due_km, created_at, retired_at)
select 1 + (59 * random() * random())::int, 'WVW' || upper(substr(md5('v' || i), 1, 14)), 'B-' || chr(65 + i % 26) || chr(65 + (i / 26) % 26) || ' ' || i, (array['Sprinter', 'Transit', 'Crafter', 'Actros', 'Daily'])[1 + i % 5],
    case when i % 40 = 0 then array['refrigerated', 'tag' || i % 90] else array['tag' || i % 90, 'depot' || i % 400] end, case when random() < 0.95 then 'active' when random() < 0.5 then 'workshop' else 'retired' end, (random() * 300000)::int, 60000 + (random() * 280000)::int, now() - random() * interval '900 days', case when random() < 0.03 then now() end from generate_series(1, 30000) i;
insert into device (fleet_id, vehicle_id, serial, imei, firmware, config, provisioned, last_seen, last_lat, last_lon, battery, created_at)
select v.fleet_id, case when v.id % 25 > 0 then v.id end, 'SN' || lpad(v.id::text, 8, '0'), '35' || lpad((v.id * 7919)::text, 13, '0'), case when random() < 0.8 then '4.2.1' when random() < 0.9 then '4.1.' || (random() * 8)::int else '3.9.' || (random() * 20)::int end,
    jsonb_build_object('interval', 30, 'apn', 'iot', 'profile', 'P' || v.id % 300), random() < 0.985, now() - case when random() < 0.9 then random() * interval '10 minutes' else random() * interval '60 days' end, 48 + random() * 6, 7 + random() * 7, (random() * 100)::int, v.created_at from vehicle v;
insert into reading
select 1 + (7999 * random() * random())::int, 1 + (random() * random() * 11)::int, at, at + random() * interval '3 seconds', random() * 100, case when random() < 0.99 then 0 else 1 end, case when random() < 0.1 then '{"raw": 1}'::jsonb end
from (select i, now() - interval '150 days' + i * (interval '150 days' / 900000) as at from generate_series(1, 900000) i) g;
insert into position (device_id, at, lat, lon, speed, heading, ignition)
select 1 + (19999 * random() * random())::int, at, 48 + random() * 6, 7 + random() * 7, case when random() < 0.004 then 131 + (random() * 40)::int else (random() * 125)::int end, (random() * 359)::int, random() < 0.97
from (select i, now() - interval '60 days' + i * (interval '60 days' / 800000) as at from generate_series(1, 800000) i) g;
insert into geofence (fleet_id, name, kind, min_lat, max_lat, min_lon, max_lon, active_during, outline)
select 1 + (59 * random() * random())::int, 'Zone ' || i, (array['depot', 'customer', 'forbidden'])[1 + (random() * random() * 2)::int], lat, lat + 0.02, lon, lon + 0.03, tstzrange(now() - interval '200 days', case when random() < 0.8 then null else now() + (random() * 100 - 60) * interval '1 day' end), jsonb_build_object('points', repeat(md5(i::text), 12))
from (select i, 48 + random() * 6 as lat, 7 + random() * 7 as lon from generate_series(1, 12000) i) g;
insert into geofence_event (geofence_id, device_id, entered_at, left_at)
select 1 + (11999 * random() * random())::int, 1 + (random() * 29999)::int, at, case when i < 296000 or random() < 0.4 then at + random() * interval '3 hours' end from (select i, now() - interval '90 days' + i * (interval '90 days' / 300000) as at from generate_series(1, 300000) i) g;
insert into trip (vehicle_id, driver_id, started_at, ended_at, distance_m, score, summary)
select 1 + (29999 * random() * random())::int, case when random() < 0.85 then 1 + (random() * 39999)::int end, at, case when i < 398500 or random() < 0.2 then at + (random() * random()) * interval '9 hours' end, (random() * random() * 400000)::int, (random() * 100)::int, '{"stops": 3, "idle_s": 200}'
from (select i, now() - interval '300 days' + i * (interval '300 days' / 400000) as at from generate_series(1, 400000) i) g;
insert into alarm (device_id, kind, severity, state, raised_at, acked_at, acked_by, closed_at, payload)
select case when i % 3 = 0 then 1 + i % 29989 else 1 + (29999 * random() * random())::int end, case when state <> 'closed' then 'K' || i else (array['engine', 'battery', 'geofence', 'harsh_braking', 'tamper', 'speeding'])[1 + (random() * random() * 5)::int] end, 1 + (random() * random() * 4)::int, state, at, case when state <> 'open' then at end, case when state <> 'open' then 'user' || i % 200 end, case when state = 'closed' then at + interval '2 hours' end,
    jsonb_build_object('code', 'P' || lpad((random() * 4000)::int::text, 4, '0'), 'ecu', 'E' || i % 12, 'detail', repeat('x', 40))
from (select i, case when i > 349000 then 'open' when i > 347000 and random() < 0.7 then 'acknowledged' when random() < 0.002 then 'open' else 'closed' end as state, now() - interval '200 days' + i * (interval '200 days' / 350000) as at from generate_series(1, 350000) i) g;
insert into work_order (number, vehicle_id, alarm_id, state, priority, mechanic, due_on, created_at, notes)
select 'WO-' || i, 1 + (random() * 29999)::int, case when random() < 0.6 then 1 + (i * 4) % 350000 end, case when i > 88000 then (array['open', 'open', 'scheduled', 'done'])[1 + i % 4] when random() < 0.03 then 'cancelled' else 'done' end, 1 + (random() * 3)::int, 'mech' || i % 120, (now() - (90000 - i) * interval '12 minutes')::date + (random() * 20)::int, now() - (90000 - i) * interval '12 minutes', repeat('note ', 20) from generate_series(1, 90000) i;
insert into command (device_id, correlation_id, kind, payload, state, priority, attempts, run_after, sent_at, created_at)
select 1 + (random() * 29999)::int, md5('c' || i)::uuid, (array['reboot', 'config', 'locate', 'ota'])[1 + (random() * random() * 3)::int], '{"v": 1}', case when i > 399500 then 'queued' when i > 398800 then 'sent' when random() < 0.01 then 'failed' else 'acked' end, 1 + (random() * 2)::int, 1, at, case when i <= 399500 then at end, at
from (select i, now() - interval '100 days' + i * (interval '100 days' / 400000) as at from generate_series(1, 400000) i) g;
insert into device_state select d, k, jsonb_build_object('v', d % 100), now() - random() * interval '5 days' from generate_series(1, 30000) d, unnest(array['ignition', 'fuel', 'doors', 'mode']) k;
insert into firmware select '4.' || i / 9 || '.' || i % 9, (array['stable', 'beta'])[1 + i % 2], 'notes', now() - i * interval '9 days', i % 12 = 0 from generate_series(1, 36) i;
insert into usage_daily select d, current_date - n, 1000 + d % 400, 1000000 from generate_series(1, 8000) d, generate_series(1, 40) n;
create index device_fleet_id_idx on device (fleet_id);
create index device_vehicle_id_idx on device (vehicle_id);
create index device_last_seen_idx on device (last_seen);
create index vehicle_fleet_id_idx on vehicle (fleet_id);
create index vehicle_fleet_status_idx on vehicle (fleet_id, status);
create index position_device_id_idx on position (device_id);
create index trip_vehicle_id_idx on trip (vehicle_id);
create index trip_score_idx on trip (score);
create index alarm_device_id_idx on alarm (device_id);
create index alarm_device_raised_idx on alarm (device_id, raised_at desc);
create index alarm_state_idx on alarm (state);
create unique index alarm_live_uq on alarm (device_id, kind) where state <> 'closed';
create index command_payload_idx on command using gin (payload);
create index command_device_id_idx on command (device_id);
create index work_order_vehicle_id_idx on work_order (vehicle_id);
vacuum (analyze) fleet, driver, vehicle, device, reading, position, geofence, geofence_event, trip, alarm, work_order, command, device_state, firmware, usage_daily;
