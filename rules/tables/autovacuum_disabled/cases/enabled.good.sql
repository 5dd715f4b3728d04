create table a (id int primary key) with (autovacuum_enabled = true);
create table b (id int primary key) with (autovacuum_vacuum_scale_factor = 0.01);
