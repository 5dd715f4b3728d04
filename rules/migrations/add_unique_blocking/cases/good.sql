create unique index concurrently users_email_key on users (email);
alter table users add constraint users_email_key unique using index users_email_key;
create table fresh (a int);
alter table fresh add unique (a);
