-- expect
reindex table orders;
-- expect
reindex index orders_pkey;
