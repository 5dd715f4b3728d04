-- expect
create rule stop as on delete to orders do instead nothing;
-- expect
create or replace rule note as on insert to orders do also notify orders;
