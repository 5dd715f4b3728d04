truncate customers;
