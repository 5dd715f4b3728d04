-- expect: public."Events"
-- params: {"min_waste": "1MB"}
create table "Events" (id bigint primary key, kind int, note text) with (autovacuum_enabled = off);
insert into "Events" select n, n % 7, 'note number ' || n from generate_series(1, 60000) n;
delete from "Events" where id % 5 <> 0;
vacuum analyze "Events";
