-- One row per setting, as this role gets it in this database.
select
    s.name,
    s.setting,
    s.unit,
    s.category,
    s.context,
    s.vartype,
    s.source,
    s.min_val,
    s.max_val,
    s.enumvals,
    s.boot_val,
    s.reset_val,
    s.sourcefile,
    s.sourceline,
    s.pending_restart
from pg_catalog.pg_settings as s
order by s.name;
