"""The PL/pgSQL of the conversion. Everything that hangs on a table is read under its lock and written anew.

Definitions are taken with an empty search_path, so that every name in them is qualified; a view made anew by
definition then means the new table, where the old view still means the old one.
"""

from __future__ import annotations

# What the move must not break silently. `moving` is the table that gives its name to another.
PREFLIGHT = """\
  IF EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.confrelid = moving AND k.contype = 'f') THEN
    RAISE EXCEPTION 'foreign keys of other tables point at %: drop them first', moving::regclass;
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = moving) THEN
    RAISE EXCEPTION '% has rules: drop them first', moving::regclass;
  END IF;
  FOR item IN
    SELECT DISTINCT d.classid::regclass::text AS kind, d.objid FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.deptype = 'n'
       AND ((d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = moving)
         OR (d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid IN
              (SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typrelid = moving
               UNION SELECT t.typarray FROM pg_catalog.pg_type t WHERE t.typrelid = moving)))
  LOOP
    RAISE EXCEPTION 'function % uses the table or its row type: drop it first and create it again afterwards',
      item.objid::regprocedure;
  END LOOP;"""

# Views and triggers: remembered before the names change.
REMEMBER = """\
  FOR item IN
    SELECT DISTINCT v.oid, v.relkind, v.relname, n.nspname, v.reloptions
      FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
      JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
      JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
     WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
       AND d.refobjid = moving AND v.oid <> moving
  LOOP
    IF item.relkind <> 'v' THEN
      RAISE EXCEPTION '% reads the table and cannot be pointed elsewhere: drop it first, create it again afterwards',
        item.oid::regclass;
    END IF;
    restore := restore || pg_catalog.format('CREATE OR REPLACE VIEW %I.%I%s AS %s', item.nspname, item.relname,
      COALESCE(' WITH (' || pg_catalog.array_to_string(item.reloptions, ', ') || ')', ''),
      pg_catalog.pg_get_viewdef(item.oid));
  END LOOP;
  FOR item IN
    SELECT g.tgname, g.tgenabled, pg_catalog.pg_get_triggerdef(g.oid) AS definition
      FROM pg_catalog.pg_trigger g WHERE g.tgrelid = moving AND NOT g.tgisinternal ORDER BY g.tgname
  LOOP
    restore := restore || item.definition;
    IF item.tgenabled <> 'O' THEN
      restore := restore || pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', moving::regclass,
        CASE item.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
        item.tgname);
    END IF;
    obsolete := obsolete || item.tgname::text;
  END LOOP;"""

# CHECK constraints, foreign keys, unique constraints with the key, plain indexes: the same on the parent.
REMEMBER_STRUCTURE = """\
  FOR item IN
    SELECT k.conname, k.contype, k.convalidated, pg_catalog.pg_get_constraintdef(k.oid) AS definition
      FROM pg_catalog.pg_constraint k
     WHERE k.conrelid = moving AND k.conname <> {bound_name}
       AND (k.contype IN ('c', 'f') OR (k.contype = 'u' AND key_number = ANY (k.conkey)))
     ORDER BY k.contype, k.conname
  LOOP
    IF NOT item.convalidated THEN
      RAISE EXCEPTION 'constraint % is not validated: validate or drop it first', item.conname;
    END IF;
    structure := structure || pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', moving::regclass, item.conname,
      item.definition);
  END LOOP;
  FOR item IN
    SELECT pg_catalog.pg_get_indexdef(x.indexrelid) AS definition
      FROM pg_catalog.pg_index x
     WHERE x.indrelid = moving AND x.indisvalid
       AND (NOT x.indisunique OR key_number = ANY (x.indkey::int2[]))
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = x.indexrelid AND k.conrelid = moving)
       AND x.indexrelid <> COALESCE(pg_catalog.to_regclass({new_key_index})::oid, 0)
     ORDER BY x.indexrelid
  LOOP
    structure := structure || item.definition;
  END LOOP;"""

# The new table and its partitions belong to the owner of the old one, whoever runs this.
COPY_OWNER = """\
  FOR item IN SELECT target AS oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = target LOOP
    EXECUTE (SELECT pg_catalog.format('ALTER TABLE %s OWNER TO %I', item.oid::regclass,
                                      pg_catalog.pg_get_userbyid(c.relowner))
               FROM pg_catalog.pg_class c WHERE c.oid = source);
    -- A partition read by its own name is guarded by its own row security only; default privileges may open it.
    IF (SELECT c.relrowsecurity FROM pg_catalog.pg_class c WHERE c.oid = source) AND item.oid <> target THEN
      EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', item.oid::regclass);
    END IF;
  END LOOP;"""

# Privileges, row security, replica identity, comment: from `source` to `target`.
COPY_RIGHTS = """\
  FOR item IN
    SELECT a.privilege_type, '' AS columns, a.grantee, a.is_grantable
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a WHERE c.oid = source AND a.grantee <> c.relowner
    UNION ALL
    SELECT a.privilege_type, pg_catalog.format(' (%I)', b.attname), a.grantee, a.is_grantable
      FROM pg_catalog.pg_attribute b, pg_catalog.aclexplode(b.attacl) a
     WHERE b.attrelid = source AND NOT b.attisdropped
  LOOP
    EXECUTE pg_catalog.format('GRANT %s%s ON %s TO %s%s', item.privilege_type, item.columns, target::regclass,
      CASE item.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(item.grantee)) END,
      CASE WHEN item.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
  FOR item IN
    SELECT p.polname, p.polpermissive, p.polcmd, pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS condition,
           pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS condition_new,
           (SELECT pg_catalog.string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE
               pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ')
              FROM pg_catalog.unnest(p.polroles) r) AS roles
      FROM pg_catalog.pg_policy p WHERE p.polrelid = source ORDER BY p.polname
  LOOP
    EXECUTE pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', item.polname, target::regclass,
      CASE WHEN item.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE item.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
        ELSE 'ALL' END,
      item.roles, COALESCE(' USING (' || item.condition || ')', ''),
      COALESCE(' WITH CHECK (' || item.condition_new || ')', ''));
  END LOOP;
  FOR item IN
    SELECT c.relrowsecurity, c.relforcerowsecurity, c.relreplident FROM pg_catalog.pg_class c WHERE c.oid = source
  LOOP
    IF item.relrowsecurity THEN
      EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target::regclass);
    END IF;
    IF item.relforcerowsecurity THEN
      EXECUTE pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target::regclass);
    END IF;
    IF item.relreplident = 'f' THEN
      EXECUTE pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY FULL', target::regclass);
    END IF;
  END LOOP;
  IF pg_catalog.obj_description(source, 'pg_class') IS NOT NULL THEN
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', target::regclass,
      pg_catalog.obj_description(source, 'pg_class'));
  END IF;"""

# The old table leaves its publications and the new one takes its place.
COPY_PUBLICATIONS = """\
  FOR item IN
    SELECT b.pubname FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication b ON b.oid = r.prpubid
     WHERE r.prrelid = source
  LOOP
    EXECUTE pg_catalog.format('ALTER PUBLICATION %I DROP TABLE ONLY %s', item.pubname, source::regclass);
    EXECUTE pg_catalog.format('ALTER PUBLICATION %I ADD TABLE %s', item.pubname, target::regclass);
  END LOOP;"""

SWAP = """\
DO $pgadvise$
#variable_conflict use_column
DECLARE
  moving oid := {name}::regclass;
  source oid;
  target oid;
  item record;
  command text;
  restore text[] := '{}';
  obsolete text[] := '{}';
  structure text[] := '{}';
  key_number int2;
{declared}
BEGIN
  PERFORM pg_catalog.set_config('lock_timeout', '5s', true);
  PERFORM pg_catalog.set_config('search_path', '', true);
  LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE;
  key_number := (SELECT a.attnum FROM pg_catalog.pg_attribute a WHERE a.attrelid = moving AND a.attname = {key_name});
{preflight}
{remember}
{structure}
  FOREACH command IN ARRAY obsolete LOOP
    EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', command, moving::regclass);
  END LOOP;
{numbers}
{old_side}
  ALTER TABLE {t} RENAME TO {legacy_short};
  CREATE TABLE {t} (LIKE {legacy} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS{like})
    PARTITION BY RANGE ({c});
  source := {legacy_name}::regclass;
  target := {name}::regclass;
{owner}
{new_side}
  FOREACH command IN ARRAY structure LOOP EXECUTE command; END LOOP;
{leaves}
{owner}
  ALTER TABLE {t} ATTACH PARTITION {legacy} FOR VALUES FROM (MINVALUE) TO ({boundary});
  ALTER TABLE {legacy} DROP CONSTRAINT {bound};
{rights}
  FOREACH command IN ARRAY restore LOOP EXECUTE command; END LOOP;
{publications}
END
$pgadvise$"""

UNDO = """\
DO $pgadvise$
#variable_conflict use_column
DECLARE
  moving oid := {name}::regclass;
  source oid := {name}::regclass;
  target oid := {legacy_name}::regclass;
  item record;
  command text;
  restore text[] := '{}';
  obsolete text[] := '{}';
{declared}
BEGIN
  PERFORM pg_catalog.set_config('lock_timeout', '5s', true);
  PERFORM pg_catalog.set_config('search_path', '', true);
  LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE;
{preflight}
{remember}
{numbers}
  ALTER TABLE {t} DETACH PARTITION {legacy};
  INSERT INTO {legacy} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {t};
{publications}
  ALTER TABLE {t} RENAME TO {parted_short};
{release}
  ALTER TABLE {legacy} RENAME TO {short};
{old_side}
  FOREACH command IN ARRAY restore LOOP EXECUTE command; END LOOP;
  DROP TABLE {parted};
END
$pgadvise$"""
