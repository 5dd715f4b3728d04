create table t (id int primary key, price numeric, name text, country char(2), opens time);
