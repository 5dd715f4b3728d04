-- expect
alter table orders alter column note set not null;
