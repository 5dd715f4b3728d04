reindex table concurrently orders;
reindex (concurrently) index orders_pkey;
