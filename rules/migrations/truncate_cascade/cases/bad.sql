-- expect
truncate customers cascade;
