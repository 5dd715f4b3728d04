create index on orders (a, b, c);
create unique index on orders (a, b, c, d);
