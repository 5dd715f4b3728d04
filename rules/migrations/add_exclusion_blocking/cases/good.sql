create table fresh (room int, during tstzrange);
alter table fresh add constraint no_overlap exclude using gist (during with &&);
