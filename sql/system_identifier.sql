-- One row: the identity of the cluster, the same on its standbys.
select s.system_identifier::text as system_identifier
from pg_catalog.pg_control_system() as s
order by s.system_identifier;
