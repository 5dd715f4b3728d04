-- expect
drop schema old_schema;
