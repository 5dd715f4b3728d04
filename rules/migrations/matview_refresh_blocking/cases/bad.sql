-- expect
refresh materialized view totals;
