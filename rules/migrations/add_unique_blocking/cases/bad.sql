-- expect
alter table users add constraint users_email_key unique (email);
-- expect
alter table users add column token text unique;
