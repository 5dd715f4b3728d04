-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, int to bigint
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders alter column small type bigint;
-- case: bad, narrower
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders alter column code type varchar(10);
-- case: bad, scale
-- measured: lock items ACCESS EXCLUSIVE; rewrite items; scan items
alter table items alter column price type numeric(12, 4);
-- case: bad, text to varchar
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders alter column note type varchar(50);
-- case: bad, using a function
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders alter column note type text using upper(note);
-- case: bad, precision lost
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders alter column moment type timestamp(0);
-- case: bad, to timestamptz
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders alter column moment type timestamptz using moment at time zone 'Europe/Berlin';
-- case: good, wider
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE
alter table orders alter column code type varchar(80);
-- case: good, to text
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE
alter table orders alter column code type text;
-- case: good, numeric precision
-- measured: lock items ACCESS EXCLUSIVE
alter table items alter column price type numeric(14, 2);
-- case: good, numeric without limit
-- measured: lock items ACCESS EXCLUSIVE
alter table items alter column price type numeric;
-- case: good, cidr to inet
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column network type inet;
-- case: good, timestamp precision
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column moment type timestamp(6);
-- case: good, bit varying
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column flags type bit varying(16);
-- case: good, plain cast
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE
alter table orders alter column code type text using code::text;
-- case: bad, array of wider
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders alter column tags type varchar(20)[];
-- case: good, interval precision
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column span type interval(6);
-- case: good, domain over the same
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column filled type email_address;
-- case: good, new table
-- measured: nothing
create table fresh (id int);
alter table fresh alter column id type bigint;
-- case: bad, a domain to its base type with a limit
-- measured: lock contacts ACCESS EXCLUSIVE; rewrite contacts; scan contacts
create domain short_mail as varchar(20);
alter table contacts alter column email type short_mail;
alter table contacts alter column email type varchar(20);
-- case: good, a domain to its base type without limit
-- measured: lock contacts ACCESS EXCLUSIVE
alter table contacts alter column email type text;
