-- Warehouses and shipments of many tenants, as an ORM with quoted camelCase makes them: uuid keys, soft deletes, a polymorphic comment table.
create extension if not exists pg_stat_statements;
select setseed(0.37);
create table "Tenant" ("id" uuid primary key, "name" text not null, "plan" text not null);
create table "Carrier" ("id" uuid primary key, "code" text not null unique, "name" text not null);
create table "Warehouse" ("id" uuid primary key, "tenantId" uuid not null references "Tenant" ("id"), "code" text not null, unique ("tenantId", "code"));
create table "Product" (
    "id" uuid primary key, "tenantId" uuid not null references "Tenant" ("id"), "sku" text not null, "barcode" text, "name" text not null,
    "attributes" jsonb not null, "tags" text[] not null, "isActive" boolean not null, "deletedAt" timestamp(3), "updatedAt" timestamp(3) not null
);
create table "StockLevel" (
    "warehouseId" uuid not null references "Warehouse" ("id"), "productId" uuid not null references "Product" ("id"), "quantity" integer not null, "reserved" integer not null,
    "reorderAt" integer not null, "updatedAt" timestamp(3) not null, primary key ("warehouseId", "productId")
);
create table "Shipment" (
    "id" uuid primary key, "tenantId" uuid not null references "Tenant" ("id"), "warehouseId" uuid not null references "Warehouse" ("id"), "carrierId" uuid references "Carrier" ("id"),
    "trackingNumber" text, "status" text not null, "customerEmail" text not null, "customerRef" text not null, "destination" jsonb not null, "weightGrams" integer not null,
    "createdAt" timestamp(3) not null, "promisedAt" timestamp(3), "deliveredAt" timestamp(3), "deletedAt" timestamp(3), "updatedAt" timestamp(3) not null
);
create table "ShipmentLine" (
    "id" uuid primary key, "shipmentId" uuid not null references "Shipment" ("id") on delete cascade, "productId" uuid not null references "Product" ("id"), "quantity" integer not null, "picked" integer not null
);
create table "ScanEvent" ("id" bigint generated always as identity primary key, "shipmentId" uuid not null, "kind" text not null, "facility" text not null, "payload" jsonb not null, "at" timestamp(3) not null);
create table "Comment" (
    "id" uuid primary key, "subjectType" text not null, "subjectId" uuid not null, "authorId" uuid not null, "body" text not null, "createdAt" timestamp(3) not null, "deletedAt" timestamp(3)
);
create table "WebhookDelivery" (
    "id" bigint generated always as identity primary key, "tenantId" uuid not null, "event" text not null, "state" text not null, "attempts" integer not null, "nextAttemptAt" timestamp(3), "body" jsonb not null, "createdAt" timestamp(3) not null
);
create table "Device" ("id" uuid primary key, "tenantId" uuid not null, "serial" text not null unique, "battery" smallint not null, "isOnline" boolean not null, "lastSeenAt" timestamp(3) not null);
insert into "Tenant" select md5('t' || i)::uuid, 'Tenant ' || i, (array['free', 'pro', 'enterprise'])[1 + i % 3] from generate_series(1, 200) i;
insert into "Carrier" select md5('c' || i)::uuid, 'C' || i, 'Carrier ' || i from generate_series(1, 12) i;
insert into "Warehouse" select md5('w' || i)::uuid, md5('t' || 1 + i % 200)::uuid, 'W' || i from generate_series(1, 600) i;
insert into "Product"
select md5('p' || i)::uuid, md5('t' || 1 + (i % 200))::uuid, 'SKU-' || lpad(i::text, 7, '0'), case when random() < 0.7 then lpad((4000000000 + i * 7)::text, 13, '0') end, 'Product ' || i || ' ' || (array['blue', 'red', 'large', 'small', 'steel', 'oak'])[1 + i % 6],
    jsonb_build_object('color', (array['blue', 'red', 'green', 'black'])[1 + i % 4], 'supplier', 'S' || i % 900, 'hazmat', i % 200 = 0), array['tag' || i % 300, 'tag' || i % 7], random() < 0.92, case when random() < 0.05 then now() end, now()
from generate_series(1, 60000) i;
insert into "StockLevel"
select md5('w' || w)::uuid, md5('p' || p)::uuid, (random() * 500)::int, (random() * 20)::int, case when random() < 0.02 then 600 else 0 end, now() from (select distinct 1 + (random() * 599)::int as w, 1 + (random() * 59999)::int as p from generate_series(1, 240000)) s;
insert into "Shipment"
select md5('s' || i)::uuid, md5('t' || 1 + (w % 200))::uuid, md5('w' || w)::uuid, case when random() < 0.97 then md5('c' || 1 + (random() * random() * 11)::int)::uuid end, case when random() < 0.95 then '1Z' || upper(substr(md5('k' || i), 1, 14)) end,
    case when i > 392000 and random() < 0.7 then (array['pending', 'picking', 'packed'])[1 + i % 3] when i > 380000 then 'in_transit' when random() < 0.004 then 'exception' when random() < 0.03 then 'cancelled' else 'delivered' end,
    'Customer' || (random() * 90000)::int || '@Mail.example', 'R' || (random() * 120000)::int, jsonb_build_object('country', (array['DE', 'FR', 'NL', 'PL', 'IT'])[1 + (random() * random() * 4)::int], 'zip', (10000 + random() * 80000)::int::text), (random() * 20000)::int,
    at, at + interval '4 days', case when i < 380000 then at + random() * interval '6 days' end, case when random() < 0.03 then at end, at
from (select i, 1 + (599 * random() * random())::int as w, (now() - interval '500 days' + i * (interval '500 days' / 400000))::timestamp(3) as at from generate_series(1, 400000) i) g;
insert into "ShipmentLine" select md5('l' || i)::uuid, md5('s' || 1 + (random() * 399999)::int)::uuid, md5('p' || 1 + (random() * random() * 59999)::int)::uuid, 1 + (random() * 5)::int, 0 from generate_series(1, 700000) i;
insert into "ScanEvent" ("shipmentId", "kind", "facility", "payload", "at")
select md5('s' || 1 + least(399999, greatest(0, (i * 0.4)::int + (random() * 4000)::int)))::uuid, (array['pickup', 'arrive', 'depart', 'arrive', 'depart', 'deliver'])[1 + i % 6], 'F' || (random() * 180)::int, '{"v": 1}', now() - interval '500 days' + i * (interval '500 days' / 1000000) from generate_series(1, 1000000) i;
insert into "Comment"
select md5('m' || i)::uuid, case when random() < 0.8 then 'Shipment' when random() < 0.7 then 'Product' else 'Warehouse' end, md5(case when i % 5 = 0 then 'p' || (random() * 59999)::int else 's' || (random() * 399999)::int end)::uuid, md5('a' || i % 900)::uuid, repeat('text ', 20), now() - i * interval '4 minutes', case when random() < 0.02 then now() end from generate_series(1, 150000) i;
insert into "WebhookDelivery" ("tenantId", "event", "state", "attempts", "nextAttemptAt", "body", "createdAt")
select md5('t' || 1 + i % 200)::uuid, 'shipment.updated', case when i > 299400 then 'queued' when random() < 0.003 then 'failed' else 'sent' end, 1, case when i > 299400 then now() + (i - 299800) * interval '1 second' end, '{}', now() - (300000 - i) * interval '20 seconds' from generate_series(1, 300000) i;
insert into "Device" select md5('d' || i)::uuid, md5('t' || 1 + i % 200)::uuid, 'SN' || i, 80, random() < 0.9, now() - random() * interval '2 days' from generate_series(1, 30000) i;
create index "Shipment_tenantId_idx" on "Shipment" ("tenantId");
create index "Shipment_tenantId_idx1" on "Shipment" ("tenantId");
create index "Shipment_weightGrams_idx" on "Shipment" ("weightGrams");
create index "Shipment_wide_idx" on "Shipment" ("warehouseId", "status", "carrierId", "customerEmail", "trackingNumber");
create index "Product_isActive_idx" on "Product" ("isActive");
create index "WebhookDelivery_state_idx" on "WebhookDelivery" ("state");
vacuum (analyze) "Tenant", "Carrier", "Warehouse", "Product", "StockLevel", "Shipment", "ShipmentLine", "ScanEvent", "Comment", "WebhookDelivery", "Device";
