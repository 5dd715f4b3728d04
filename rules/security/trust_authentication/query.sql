-- one row: a line of pg_hba.conf that trusts clients over the network
select
    h.line_number as line, h.database as databases, h.user_name as roles, h.type,
    h.address, h.netmask
from pg_catalog.pg_hba_file_rules as h
where h.auth_method = 'trust' and h.type like 'host%' and h.error is null
order by 1
