update orders set state = 'old' where id between 1 and 5000;
delete from logs where id in (select id from logs where at < now() limit 1000);
create table fresh (a int);
update fresh set a = 1;
