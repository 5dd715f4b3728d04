-- expect: public."Notes"
create table "Notes" (id int primary key, owner text);
create policy "own rows" on "Notes" using (owner = current_user);
