-- A marketplace for event tickets as Prisma and TypeORM make it: quoted camelCase, text keys, soft deletes, seat holds that expire, organisers as tenants.
create extension if not exists pg_stat_statements;
create extension if not exists pg_trgm;
select setseed(0.59);
create table "FeatureFlag" ("key" text primary key, "enabled" boolean not null, "rollout" integer not null);
create table "Organiser" ("id" text primary key, "name" text not null, "slug" text not null unique, "plan" text not null, "deletedAt" timestamp(3));
create table "Venue" ("id" text primary key, "name" text not null, "city" text not null, "country" text not null, "capacity" integer not null);
create table "User" (
    "id" text primary key, "email" text not null, "firstName" text not null, "lastName" text not null, "phone" text, "locale" text not null, "emailVerified" boolean not null, "createdAt" timestamp(3) not null, "updatedAt" timestamp(3) not null, "deletedAt" timestamp(3),
    constraint "User_email_key" unique ("email")
);
create table "Session" ("id" text primary key, "userId" text not null, "token" text not null, "lastActiveAt" timestamp(3) not null, "expiresAt" timestamp(3) not null, constraint "Session_token_key" unique ("token"));
create table "Event" (
    "id" text primary key, "organiserId" text not null, "venueId" text, "title" text not null, "slug" text not null, "status" text not null, "category" text not null, "tags" text[] not null, "description" text not null,
    "isPublic" boolean not null, "startsAt" timestamp(3) not null, "createdAt" timestamp(3) not null, "updatedAt" timestamp(3) not null, "deletedAt" timestamp(3), constraint "Event_organiserId_slug_key" unique ("organiserId", "slug")
);
create table "TicketType" ("id" text primary key, "eventId" text not null, "name" text not null, "priceCents" integer not null, "quantity" integer not null, "sold" integer not null, "isVisible" boolean not null);
create table "Seat" (
    "id" bigint generated always as identity primary key, "eventId" text not null, "section" text not null, "row" text not null, "number" integer not null, "ticketTypeId" text,
    constraint "Seat_eventId_section_row_number_key" unique ("eventId", "section", "row", "number")
);
create table "SeatHold" ("id" bigint generated always as identity primary key, "seatId" bigint not null, "userId" text not null, "createdAt" timestamp(3) not null, "expiresAt" timestamp(3) not null, "releasedAt" timestamp(3));
create table "PromoCode" ("id" text primary key, "organiserId" text not null, "code" text not null, "maxUses" integer not null, "uses" integer not null, "expiresAt" timestamp(3), constraint "PromoCode_organiserId_code_key" unique ("organiserId", "code"));
create table "Order" (
    "id" text primary key, "number" bigint generated always as identity, "organiserId" text not null, "userId" text, "eventId" text not null, "promoCodeId" text,
    "status" text not null, "totalCents" integer not null, "currency" text not null, "email" text not null, "createdAt" timestamp(3) not null, "paidAt" timestamp(3), "updatedAt" timestamp(3) not null, "deletedAt" timestamp(3), constraint "Order_number_key" unique ("number")
);
create table "Ticket" (
    "id" text primary key, "orderId" text not null, "eventId" text not null, "ticketTypeId" text not null, "seatId" bigint, "holderUserId" text,
    "barcode" text not null, "status" text not null, "checkedInAt" timestamp(3), "createdAt" timestamp(3) not null, constraint "Ticket_barcode_key" unique ("barcode"), constraint "Ticket_seatId_key" unique ("seatId")
);
create table "Payment" ("id" text primary key, "orderId" text not null, "provider" text not null, "providerRef" text, "status" text not null, "amountCents" integer not null, "raw" jsonb not null, "createdAt" timestamp(3) not null);
create table "Payout" ("id" text primary key, "organiserId" text not null, "status" text not null, "amountCents" bigint not null, "periodStart" date not null, "periodEnd" date not null, "createdAt" timestamp(3) not null);
create table "WaitlistEntry" ("id" bigint generated always as identity primary key, "eventId" text not null, "email" text not null, "position" integer not null, "notifiedAt" timestamp(3), "createdAt" timestamp(3) not null);
create table "Follow" ("userId" text not null, "organiserId" text not null, "createdAt" timestamp(3) not null, constraint "Follow_pkey" primary key ("userId", "organiserId"));
create table "Transfer" ("id" text primary key, "ticketId" text not null, "fromUserId" text not null, "toUserId" text, "toEmail" text not null, "status" text not null, "createdAt" timestamp(3) not null);
create table "AuditLog" ("id" bigint generated always as identity primary key, "organiserId" text not null, "actorId" text, "entity" text not null, "entityId" text not null, "action" text not null, "data" jsonb not null, "at" timestamp(3) not null);
insert into "FeatureFlag" select 'flag_' || i, i % 3 > 0, i % 100 from generate_series(1, 40) i;
insert into "Organiser" select 'c' || left(md5('org' || i), 24), 'Organiser ' || i, 'organiser-' || i, (array['free', 'pro', 'enterprise'])[1 + i % 3], case when i % 30 = 0 then now() end from generate_series(1, 900) i;
insert into "Venue" select 'c' || left(md5('ven' || i), 24), 'Hall ' || i, 'City ' || i % 120, (array['DE', 'FR', 'NL'])[1 + i % 3], 200 + i from generate_series(1, 2000) i;
insert into "User"
select 'c' || left(md5('usr' || i), 24), case when i % 4 = 0 then 'Fan.' else 'fan.' end || i || '@mail.example', (array['Ana', 'Bo', 'Cem', 'Dora', 'Eli', 'Finn', 'Gus'])[1 + i % 7], (array['Meyer', 'Rossi', 'Novak', 'Silva', 'Jensen', 'Maurer', 'Dubois'])[1 + i % 7] || (array['', 'mann', 'son', 'ini', 'ova'])[1 + (random() * 4)::int] || i % 800, '+49' || 1500000000 + i, 'de', random() < 0.93, at, at, case when random() < 0.04 then now() end
from (select i, now() - (180000 - i) * interval '9 minutes' as at from generate_series(1, 180000) i) g;
insert into "Session" select 'c' || left(md5('ses' || i), 24), 'c' || left(md5('usr' || 1 + (random() * 179999)::int), 24), md5('tok' || i), now() - random() * interval '20 days', now() + (random() * 40 - 15) * interval '1 day' from generate_series(1, 90000) i;
insert into "Event"
select 'c' || left(md5('evt' || i), 24), 'c' || left(md5('org' || 1 + (899 * random() * random())::int), 24), case when random() < 0.94 then 'c' || left(md5('ven' || 1 + (1999 * random() * random())::int), 24) end, (array['Jazz', 'Techno', 'Opera', 'Comedy', 'Hockey', 'Theatre', 'Gala', 'Congress'])[1 + i % 8] || ' ' || (array['Night', 'Festival', 'Special', 'Open Air', 'Premiere'])[1 + (i / 8) % 5] || ' ' || i % 4000,
    'event-' || i, case when i > 47000 and random() < 0.12 then 'draft' when random() < 0.03 then 'cancelled' when i < 20000 and random() < 0.1 then 'archived' else 'published' end, (array['music', 'music', 'music', 'sport', 'stage', 'business'])[1 + (random() * 5)::int], array['tag' || i % 260, 'tag' || i % 9, 'mood' || (random() * 20)::int], repeat('lorem ', 40), random() < 0.93,
    at, at - interval '70 days', at - interval '60 days', case when random() < 0.05 then at end
from (select i, (now() - interval '900 days' + i * (interval '990 days' / 50000))::timestamp(3) as at from generate_series(1, 50000) i) g;
insert into "TicketType" select 'c' || left(md5('tty' || i), 24), 'c' || left(md5('evt' || 1 + i % 50000), 24), (array['Standing', 'Seated', 'VIP'])[1 + i / 50000], 1000 + i % 9000, 300, i % 290, random() < 0.95 from generate_series(0, 149999) i;
insert into "Seat" ("eventId", "section", "row", "number", "ticketTypeId") select 'c' || left(md5('evt' || 50000 - e), 24), (array['A', 'B', 'C', 'D'])[1 + s / 40], ((s / 10) % 4)::text, s % 10, 'c' || left(md5('tty' || 50000 - e), 24) from generate_series(0, 1399) e, generate_series(0, 159) s;
insert into "SeatHold" ("seatId", "userId", "createdAt", "expiresAt", "releasedAt")
select 1 + (random() * random() * 223999)::int, 'c' || left(md5('usr' || 1 + (random() * 179999)::int), 24), at, at + interval '10 minutes', case when i < 298500 or random() < 0.1 then at + interval '12 minutes' end from (select i, (now() - interval '120 days' + i * (interval '120 days' / 300000))::timestamp(3) as at from generate_series(1, 300000) i) g;
update "SeatHold" set "expiresAt" = now() + random() * interval '10 minutes' where "releasedAt" is null and "id" > 299000;
insert into "PromoCode" select 'c' || left(md5('pro' || i), 24), 'c' || left(md5('org' || 1 + i % 900), 24), 'SAVE' || i, 100, i % 100, case when random() < 0.5 then now() + (random() * 60 - 50) * interval '1 day' end from generate_series(1, 20000) i;
insert into "Order" ("id", "organiserId", "userId", "eventId", "promoCodeId", "status", "totalCents", "currency", "email", "createdAt", "paidAt", "updatedAt", "deletedAt")
select 'c' || left(md5('ord' || i), 24), e."organiserId", case when random() < 0.8 then 'c' || left(md5('usr' || u), 24) end, e."id", case when random() < 0.06 then 'c' || left(md5('pro' || 1 + (random() * 19999)::int), 24) end,
    case when i > 349000 and random() < 0.75 then 'pending' when random() < 0.03 then 'refunded' when random() < 0.04 then 'expired' else 'paid' end, 1000 + (random() * random() * 30000)::int, 'EUR', case when u % 4 = 0 then 'Fan.' else 'fan.' end || u || '@mail.example', at, at, at, case when random() < 0.02 then at end
from (select i, 1 + (random() * 179999)::int as u, greatest(1, (i / 7) - (random() * random() * 2500)::int) as n, (now() - interval '900 days' + i * (interval '900 days' / 350000))::timestamp(3) as at from generate_series(1, 350000) i) g join "Event" e on e."id" = 'c' || left(md5('evt' || g.n), 24) and e."status" <> 'draft' order by g.i;
insert into "Ticket" ("id", "orderId", "eventId", "ticketTypeId", "seatId", "holderUserId", "barcode", "status", "checkedInAt", "createdAt")
select 'c' || left(md5('tic' || o."number" || '-' || n), 24), o."id", o."eventId", t."id", null, case when random() < 0.4 then o."userId" end, upper(md5('bar' || o."number" || '-' || n)), case when random() < 0.02 then 'void' when o."createdAt" < now() - interval '60 days' and random() < 0.9 then 'used' else 'valid' end, case when o."createdAt" < now() - interval '60 days' then o."createdAt" + interval '50 days' end, o."createdAt"
from "Order" o join "TicketType" t on t."eventId" = o."eventId" and t."name" = (array['Standing', 'Seated', 'VIP'])[1 + o."number" % 3], generate_series(1, 2) n where n <= 1 + o."number" % 2 order by o."number";
update "Ticket" t set "seatId" = s.n from (select "id", row_number() over (order by "createdAt" desc) as n from "Ticket" order by "createdAt" desc limit 60000) s where s."id" = t."id";
insert into "Payment"
select 'c' || left(md5('pay' || o."number"), 24), o."id", (array['stripe', 'stripe', 'stripe', 'paypal'])[1 + o."number" % 4], case when o."status" <> 'pending' then 'pi_' || md5('ref' || o."number") end, case when o."status" = 'pending' then 'created' when o."status" = 'refunded' then 'refunded' when o."status" = 'expired' then 'failed' else 'succeeded' end, o."totalCents", jsonb_build_object('chargeId', 'ch_' || o."number", 'risk', o."number" % 100, 'card', jsonb_build_object('brand', 'visa', 'last4', o."number" % 10000)), o."createdAt"
from "Order" o where o."number" % 500 > 0 order by o."number";
insert into "Payout" select 'c' || left(md5('out' || i), 24), 'c' || left(md5('org' || 1 + i % 900), 24), case when i > 31900 then 'pending' when random() < 0.01 then 'failed' else 'paid' end, 100000, current_date - 900 + 7 * (i / 300), current_date - 893 + 7 * (i / 300), now() - (32000 - i) * interval '30 minutes' from generate_series(1, 32000) i;
insert into "WaitlistEntry" ("eventId", "email", "position", "notifiedAt", "createdAt") select 'c' || left(md5('evt' || 50000 - (9000 * random() * random() * random())::int), 24), 'fan.' || i || '@mail.example', i, case when random() < 0.3 then now() end, now() - random() * interval '60 days' from generate_series(1, 200000) i;
insert into "Follow" select 'c' || left(md5('usr' || u), 24), 'c' || left(md5('org' || o), 24), now() from (select distinct 1 + (random() * 179999)::int as u, 1 + (899 * random() * random())::int as o from generate_series(1, 250000)) f;
insert into "Transfer" select 'c' || left(md5('tra' || i), 24), 'c' || left(md5('tic' || 1 + (random() * 329999)::int || '-1'), 24), 'c' || left(md5('usr' || 1 + (random() * 179999)::int), 24), case when random() < 0.7 then 'c' || left(md5('usr' || 1 + (random() * 179999)::int), 24) end, 'fan.' || i || '@mail.example', case when i > 119000 then 'pending' else 'accepted' end, now() - (120000 - i) * interval '8 minutes' from generate_series(1, 120000) i;
insert into "AuditLog" ("organiserId", "actorId", "entity", "entityId", "action", "data", "at")
select 'c' || left(md5('org' || 1 + (899 * random() * random())::int), 24), 'c' || left(md5('usr' || 1 + (random() * 2000)::int), 24), (array['Order', 'Order', 'Order', 'Event', 'Ticket'])[1 + i % 5], 'c' || left(md5(case when i % 5 = 3 then 'evt' || 1 + (random() * 49999)::int else 'ord' || 1 + (random() * 349999)::int end), 24), 'update', '{"f": 1}', now() - interval '400 days' + i * (interval '400 days' / 400000) from generate_series(1, 400000) i;
alter table "Session" add constraint "Session_userId_fkey" foreign key ("userId") references "User" ("id") on delete cascade;
alter table "Event" add constraint "Event_organiserId_fkey" foreign key ("organiserId") references "Organiser" ("id");
alter table "Event" add constraint "Event_venueId_fkey" foreign key ("venueId") references "Venue" ("id");
alter table "TicketType" add constraint "TicketType_eventId_fkey" foreign key ("eventId") references "Event" ("id") on delete cascade;
alter table "Seat" add constraint "Seat_eventId_fkey" foreign key ("eventId") references "Event" ("id") on delete cascade;
alter table "Seat" add constraint "Seat_ticketTypeId_fkey" foreign key ("ticketTypeId") references "TicketType" ("id") on delete set null;
alter table "SeatHold" add constraint "SeatHold_seatId_fkey" foreign key ("seatId") references "Seat" ("id") on delete cascade;
alter table "SeatHold" add constraint "SeatHold_userId_fkey" foreign key ("userId") references "User" ("id");
alter table "PromoCode" add constraint "PromoCode_organiserId_fkey" foreign key ("organiserId") references "Organiser" ("id");
alter table "Order" add constraint "Order_organiserId_fkey" foreign key ("organiserId") references "Organiser" ("id");
alter table "Order" add constraint "Order_userId_fkey" foreign key ("userId") references "User" ("id");
alter table "Order" add constraint "Order_eventId_fkey" foreign key ("eventId") references "Event" ("id");
alter table "Order" add constraint "Order_promoCodeId_fkey" foreign key ("promoCodeId") references "PromoCode" ("id") on delete set null;
alter table "Ticket" add constraint "Ticket_orderId_fkey" foreign key ("orderId") references "Order" ("id") on delete cascade;
alter table "Ticket" add constraint "Ticket_eventId_fkey" foreign key ("eventId") references "Event" ("id");
alter table "Ticket" add constraint "Ticket_ticketTypeId_fkey" foreign key ("ticketTypeId") references "TicketType" ("id");
alter table "Ticket" add constraint "Ticket_seatId_fkey" foreign key ("seatId") references "Seat" ("id");
alter table "Ticket" add constraint "Ticket_holderUserId_fkey" foreign key ("holderUserId") references "User" ("id");
alter table "Payment" add constraint "Payment_orderId_fkey" foreign key ("orderId") references "Order" ("id") on delete cascade;
alter table "Payout" add constraint "Payout_organiserId_fkey" foreign key ("organiserId") references "Organiser" ("id");
alter table "WaitlistEntry" add constraint "WaitlistEntry_eventId_fkey" foreign key ("eventId") references "Event" ("id") on delete cascade;
alter table "Follow" add constraint "Follow_userId_fkey" foreign key ("userId") references "User" ("id") on delete cascade;
alter table "Follow" add constraint "Follow_organiserId_fkey" foreign key ("organiserId") references "Organiser" ("id");
alter table "Transfer" add constraint "Transfer_ticketId_fkey" foreign key ("ticketId") references "Ticket" ("id") on delete cascade;
alter table "Transfer" add constraint "Transfer_fromUserId_fkey" foreign key ("fromUserId") references "User" ("id");
alter table "Transfer" add constraint "Transfer_toUserId_fkey" foreign key ("toUserId") references "User" ("id");
create index "User_email_idx" on "User" ("email");
create index "User_createdAt_idx" on "User" ("createdAt");
create index "Session_userId_idx" on "Session" ("userId");
create index "Event_organiserId_idx" on "Event" ("organiserId");
create index "Event_status_idx" on "Event" ("status");
create index "Order_userId_idx" on "Order" ("userId");
create index "Order_organiserId_idx" on "Order" ("organiserId");
create index "Order_status_idx" on "Order" ("status");
create index "Order_createdAt_idx" on "Order" ("createdAt");
create index "Ticket_orderId_idx" on "Ticket" ("orderId");
create index "Ticket_orderId_idx1" on "Ticket" ("orderId");
create index "Ticket_status_idx" on "Ticket" ("status");
create index "Payment_amountCents_status_idx" on "Payment" ("amountCents", "status", "provider");
create index "Payout_organiserId_idx" on "Payout" ("organiserId");
create index "TicketType_eventId_idx" on "TicketType" ("eventId");
create index "TicketType_sold_idx" on "TicketType" ("sold");
vacuum (analyze) "FeatureFlag", "Organiser", "Venue", "User", "Session", "Event", "TicketType", "Seat", "SeatHold", "PromoCode", "Order", "Ticket", "Payment", "Payout", "WaitlistEntry", "Follow", "Transfer", "AuditLog";
