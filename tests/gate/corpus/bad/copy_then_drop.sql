SET lock_timeout = '2s';
COPY countries (code, name) FROM stdin;
IT	Italy
\.
-- expect: drop_view
DROP VIEW country_list;
