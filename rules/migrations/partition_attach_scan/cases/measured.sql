-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, no check
-- measured: lock meters SHARE UPDATE EXCLUSIVE; lock meters_2025 ACCESS EXCLUSIVE; scan meters_2025
alter table meters attach partition meters_2025 for values from ('2025-01-01') to ('2026-01-01');
-- case: good, a valid check
-- measured: lock meters SHARE UPDATE EXCLUSIVE; lock meters_2026 ACCESS EXCLUSIVE
alter table meters attach partition meters_2026 for values from ('2026-01-01') to ('2027-01-01');
-- case: good, check added and validated
-- measured: lock meters SHARE UPDATE EXCLUSIVE; lock meters_2025 ACCESS EXCLUSIVE
alter table meters_2025 add constraint fits check (at is not null and at >= '2025-01-01' and at < '2026-01-01') not valid;
alter table meters_2025 validate constraint fits;
alter table meters attach partition meters_2025 for values from ('2025-01-01') to ('2026-01-01');
-- case: good, new table
-- measured: lock meters SHARE UPDATE EXCLUSIVE
create table meters_2027 (like meters);
alter table meters attach partition meters_2027 for values from ('2027-01-01') to ('2028-01-01');
