-- expect
drop table old_table;
