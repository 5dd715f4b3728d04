CREATE TABLE countries (code char(2) PRIMARY KEY, name text);
COPY countries (code, name) FROM stdin;
DE	drop table countries; it's
FR	alter table x drop column y;
\.
CREATE INDEX ON countries (name);
ANALYZE countries;
