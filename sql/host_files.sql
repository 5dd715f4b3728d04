-- One row: the text of one file on the server, null where it does not exist.
-- Length given, because files in /proc say they are empty.
select pg_catalog.pg_read_file(%(path)s, 0, 65536, true) as content;
