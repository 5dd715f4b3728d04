create table notes (id int primary key, owner text);
alter table notes enable row level security;
create policy own on notes using (owner = current_user);
