-- A row is a user-made operator class with the operators and functions of its own type.
select
  'opclass' as kind,
  n.nspname as schema,
  c.opcname as name,
  pg_catalog.format('create operator class %I.%I%s for type %s using %I as %s', n.nspname, c.opcname,
    case when c.opcdefault then ' default' else '' end, pg_catalog.format_type(c.opcintype, null), m.amname,
    pg_catalog.array_to_string(
      array(
        select pg_catalog.format('operator %s %I.%s (%s, %s)%s', a.amopstrategy, opn.nspname, op.oprname,
          pg_catalog.format_type(a.amoplefttype, null), pg_catalog.format_type(a.amoprighttype, null),
          case when a.amoppurpose = 'o' then (select pg_catalog.format(' for order by %I.%I', fn.nspname, sf.opfname)
            from pg_catalog.pg_opfamily sf join pg_catalog.pg_namespace fn on fn.oid = sf.opfnamespace
            where sf.oid = a.amopsortfamily) else '' end)
        from pg_catalog.pg_amop a
        join pg_catalog.pg_operator op on op.oid = a.amopopr
        join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
        where a.amopfamily = c.opcfamily and a.amoplefttype = c.opcintype
        order by a.amopstrategy, a.amoprighttype
      ) || array(
        select pg_catalog.format('function %s (%s, %s) %s', a.amprocnum, pg_catalog.format_type(a.amproclefttype, null),
          pg_catalog.format_type(a.amprocrighttype, null), a.amproc::oid::regprocedure)
        from pg_catalog.pg_amproc a
        where a.amprocfamily = c.opcfamily and a.amproclefttype = c.opcintype
        order by a.amprocnum, a.amprocrighttype
      ) || case when c.opckeytype <> 0
        then array[pg_catalog.format('storage %s', pg_catalog.format_type(c.opckeytype, null))]
        else array[]::text[] end, ', ')) as ddl,
  55 as "order"
from pg_catalog.pg_opclass c
join pg_catalog.pg_namespace n on n.oid = c.opcnamespace
join pg_catalog.pg_am m on m.oid = c.opcmethod
where n.nspname not in ('pg_catalog', 'information_schema')
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_opclass'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.oid
