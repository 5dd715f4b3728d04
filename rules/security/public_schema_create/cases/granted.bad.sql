-- expect: "Shared"
revoke create on schema public from public;
create schema "Shared";
grant create on schema "Shared" to public;
