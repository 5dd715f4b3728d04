begin;
alter type mood add value 'calm';
-- expect
update people set mood = 'calm' where id = 1;
commit;
