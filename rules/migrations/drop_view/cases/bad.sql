-- expect
drop view totals;
-- expect
drop materialized view if exists big_totals;
