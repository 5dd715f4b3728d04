-- expect: public.visits_other
create table visits (at date not null, note text) partition by range (at);
create table visits_other partition of visits default;
insert into visits values ('2026-05-05', 'x');
