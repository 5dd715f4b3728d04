-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, view
-- measured: gone totals; lock totals ACCESS EXCLUSIVE
drop view totals;
-- case: bad, materialized
-- measured: gone big_totals; gone big_totals_customer; lock big_totals ACCESS EXCLUSIVE
drop materialized view big_totals;
-- case: good, made anew
-- measured: gone totals; lock totals ACCESS EXCLUSIVE
drop view totals;
create view totals as select customer_id, sum(total) as total from orders group by customer_id;
-- case: good, replaced
-- measured: lock names ACCESS EXCLUSIVE
create or replace view names as select id, name from customers;
