-- expect
alter domain email add constraint has_at check (value like '%@%');
-- expect
alter domain email set not null;
