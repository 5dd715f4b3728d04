alter type mood add value 'calm';
update people set mood = 'calm' where id = 1;
begin;
create type fresh as enum ('a');
alter type fresh add value 'b';
create table t (x fresh default 'b');
commit;
