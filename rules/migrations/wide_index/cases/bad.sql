-- expect
create index on orders (a, b, c, d);
