revoke create on schema public from public;
create schema app;
