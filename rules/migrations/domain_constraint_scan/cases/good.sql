alter domain email add constraint has_at check (value like '%@%') not valid;
create domain fresh as text;
alter domain fresh add constraint c check (value <> '');
