-- expect: public."Log"
create table "Log" (at timestamptz, line text);
