-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, check
-- measured: lock contacts SHARE; scan contacts
alter domain email_address add constraint has_at check (value like '%@%');
-- case: bad, not null
-- measured: lock contacts SHARE; scan contacts
alter domain small_number set not null;
-- case: good, not valid
-- measured: nothing
alter domain email_address add constraint has_at check (value like '%@%') not valid;
-- case: good, default
-- measured: nothing
alter domain email_address set default 'a@b';
-- case: good, new domain
-- measured: nothing
create domain fresh as text;
alter domain fresh add constraint c check (value <> '');
