-- expect: public.t."Price"
-- expect: public.t.name
-- expect: public.t.opens
create table t (id int primary key, "Price" money, name char(30), opens timetz);
