-- expect
drop database old_database;
