-- expect
create index concurrently an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog_a on orders (a);
-- expect
create index concurrently an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog_b on orders (b);
-- expect
alter table orders add column "ъъъъъъъъъъъъъъъъъъъъъъъъъъъъъъъъ" int;
