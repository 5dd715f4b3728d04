-- one row: a line of a configuration file that the server cannot use
select
    coalesce(f.name, '') as name, f.sourcefile as file, f.sourceline as line, f.error
from pg_catalog.pg_file_settings as f
left join pg_catalog.pg_settings as s on s.name = pg_catalog.lower(f.name)
-- A valid value that waits for a restart also shows as an error here; the rule server/pending_restart tells of it.
where f.error is not null and not coalesce(s.pending_restart, false)
order by f.sourcefile, f.sourceline
