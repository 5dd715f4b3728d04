-- expect
vacuum full orders;
-- expect
cluster orders using orders_pkey;
