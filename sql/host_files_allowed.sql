-- One row: whether this role may read files outside the data directory of the server.
select
    pg_catalog.has_function_privilege(
        'pg_catalog.pg_read_file(text, bigint, bigint, boolean)', 'execute'
    )
    and pg_catalog.pg_has_role('pg_read_server_files', 'member') as allowed;
