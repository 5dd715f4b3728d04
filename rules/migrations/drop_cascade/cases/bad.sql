-- expect
drop table customers cascade;
-- expect
alter table orders drop column customer_id cascade;
-- expect
drop type mood cascade;
