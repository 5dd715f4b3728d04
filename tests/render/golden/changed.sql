-- pgadvise 0.1.0: database school, PostgreSQL 15.18, 2026-11-20 06:31 UTC
-- 15 steps, the most urgent and rewarding first. Nothing has been run.
-- Read each step, then run it by itself, outside a transaction (not with psql -1):
-- CREATE INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY, VACUUM and ALTER SYSTEM refuse to run inside one.
-- A build that fails leaves an INVALID index behind: run its undo and start again.

-- =============================================================================
-- 1/15  Transaction IDs of table audit_log are 91 % used up  [critical]
-- why: At 100 % the server refuses all writes until a manual VACUUM. At the present rate that is in
--   6 days.
-- costs: SHARE UPDATE EXCLUSIVE: reads and writes go on. Reads all 12 GB of it

VACUUM (FREEZE, VERBOSE) public.audit_log;

-- =============================================================================
-- 2/15  Create index on geolocation_data (student_id, "timestamp" DESC)  [high]
-- why: Serves WHERE student_id = $1 and ORDER BY "timestamp" DESC LIMIT without a sort: the newest
--   rows of a student are read from one end of the index instead of all 9.8 million rows.
-- wins: helps 2 statements with 62 % of the execution time: planned cost 4,858× less
-- costs: 214 MB of disk; build: about 40 s; reads and writes go on while it is built; writes pay
--   0.2 % of what it saves; 1 statement gets dearer

CREATE INDEX CONCURRENTLY geolocation_data_student_id_timestamp_idx
    ON public.geolocation_data
    USING btree (student_id, "timestamp" DESC);

-- undo:
-- DROP INDEX CONCURRENTLY public.geolocation_data_student_id_timestamp_idx;

-- =============================================================================
-- 3/15  geolocation_data keeps rows past its window  [high]
-- why: Window: 90 days (default for geolocation tables). The oldest row is 402 days old; 76 % of
--   the table is past its window and is personal data.
-- wins: 7,412,000 rows (1.2 GB) are past the window
-- costs: removed rows do not come back: take a backup and look at some of them first
-- It removes rows for ever, so it is switched off here: take away the dashes to run it.

-- -- repeat until it deletes nothing
-- DELETE FROM public.geolocation_data
-- WHERE ctid = ANY (ARRAY(
--     SELECT ctid FROM public.geolocation_data
--     WHERE "timestamp" < now() - interval '90 days' LIMIT 5000));

-- =============================================================================
-- 4/15  Set work_mem: 64MB → 10MB  [high]
-- why: 200 connections × 64MB × 2 is 25 GB, three times the RAM: under load the server is killed.
-- costs: a reload, no restart

ALTER SYSTEM SET work_mem = '10MB';
SELECT pg_reload_conf();

-- undo:
-- ALTER SYSTEM SET work_mem = '64MB';
-- SELECT pg_reload_conf();

-- =============================================================================
-- 5/15  Create index on users (lower((email)::text)), partial  [medium]
-- why: Login looks up lower(email); no index has that expression, so every login reads the whole
--   table.
-- wins: helps 1 statement with 12 % of the execution time: planned cost 110× less
-- costs: 1.2 MB of disk; build: under a second; reads and writes go on while it is built; writes
--   pay <0.1 % of what it saves

CREATE INDEX CONCURRENTLY users_lower_email_idx ON public.users (lower((email)::text)) WHERE active;
ANALYZE public.users;

-- undo:
-- DROP INDEX CONCURRENTLY public.users_lower_email_idx;

-- =============================================================================
-- 6/15  Create index on notifications (user_id), partial  [medium]
-- why: 4 % of the rows are unread: a partial index holds only those and is 25 times smaller.
-- wins: helps 1 statement with 5.4 % of the execution time: planned cost 23× less
-- costs: 6 MB of disk; build: about 2 s; reads and writes go on while it is built; writes pay <0.1
--   % of what it saves

CREATE INDEX CONCURRENTLY notifications_user_id_idx
    ON public.notifications (user_id)
    WHERE NOT is_read;

-- undo:
-- DROP INDEX CONCURRENTLY public.notifications_user_id_idx;

-- =============================================================================
-- 7/15  Drop index sessions_user_agent_idx on sessions: not used  [medium]
-- why: Not scanned once in the 38 days of the statistics.
-- wins: frees 340 MB and its upkeep; 138 statements planned without it, none gets dearer
-- costs: a short ACCESS EXCLUSIVE lock at the end; reads and writes go on meanwhile

DROP INDEX CONCURRENTLY public.sessions_user_agent_idx;

-- undo:
-- CREATE INDEX CONCURRENTLY sessions_user_agent_idx ON public.sessions USING btree (user_agent);

-- =============================================================================
-- 8/15  Foreign key of grades has no index  [medium]
-- why: Every DELETE of a class reads all of grades, and holds its locks for that long.
-- costs: SHARE UPDATE EXCLUSIVE, about 1 s

CREATE INDEX CONCURRENTLY grades_class_id_idx ON public.grades (class_id);

-- undo:
-- DROP INDEX CONCURRENTLY public.grades_class_id_idx;

-- =============================================================================
-- 9/15  Foreign key of homework has no index  [medium]
-- why: Every DELETE of a class reads all of homework, and holds its locks for that long.
-- costs: SHARE UPDATE EXCLUSIVE, about 1 s

CREATE INDEX CONCURRENTLY homework_class_id_idx ON public.homework (class_id);

-- undo:
-- DROP INDEX CONCURRENTLY public.homework_class_id_idx;

-- =============================================================================
-- 10/15  Foreign key of schedules has no index  [medium]
-- why: Every DELETE of a class reads all of schedules, and holds its locks for that long.
-- costs: SHARE UPDATE EXCLUSIVE, about 1 s

CREATE INDEX CONCURRENTLY schedules_class_id_idx ON public.schedules (class_id);

-- undo:
-- DROP INDEX CONCURRENTLY public.schedules_class_id_idx;

-- =============================================================================
-- 11/15  Set random_page_cost: 4 → 1.1  [medium]
-- why: The storage is an SSD; 4 keeps the planner from using indexes.
-- costs: a reload, no restart

ALTER SYSTEM SET random_page_cost = '1.1';
SELECT pg_reload_conf();

-- undo:
-- ALTER SYSTEM SET random_page_cost = '4';
-- SELECT pg_reload_conf();

-- =============================================================================
-- 12/15  Set shared_buffers: 128MB → 2GB  [medium]
-- why: 25 % of RAM; the cache hit ratio is 91 % and 9.4 GB of tables are read.
-- costs: needs a restart

ALTER SYSTEM SET shared_buffers = '2GB';
SELECT pg_reload_conf();

-- undo:
-- ALTER SYSTEM SET shared_buffers = '128MB';
-- SELECT pg_reload_conf();

-- =============================================================================
-- 13/15  Drop index attendance_date_idx on attendance: covered by another index  [low]
-- why: attendance_date_class_id_idx (date, class_id) begins with the same column.
-- wins: frees 88 MB and its upkeep; 138 statements planned without it, none gets dearer
-- costs: a short ACCESS EXCLUSIVE lock at the end; reads and writes go on meanwhile

DROP INDEX CONCURRENTLY public.attendance_date_idx;

-- undo:
-- CREATE INDEX CONCURRENTLY attendance_date_idx ON public.attendance USING btree (date);

-- =============================================================================
-- 14/15  Drop index homework_title_idx on homework: not used  [low]
-- why: Not scanned once in the 38 days of the statistics.
-- wins: frees 12 MB and its upkeep; 138 statements planned without it, none gets dearer
-- costs: a short ACCESS EXCLUSIVE lock at the end; reads and writes go on meanwhile

DROP INDEX CONCURRENTLY public.homework_title_idx;

-- undo:
-- CREATE INDEX CONCURRENTLY homework_title_idx ON public.homework USING btree (title);

-- =============================================================================
-- 15/15  Everybody may create objects in schema public  [low]
-- why: A function placed there can be run with other roles' rights.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- undo:
-- GRANT CREATE ON SCHEMA public TO PUBLIC;

-- =============================================================================
-- To do by hand:
-- - Nothing deletes old rows of geolocation_data (high): Window: 90 days (default for geolocation
--   tables). Nothing was found that deletes old rows.
-- - app."Notifications Archive" keeps rows past its window (medium): Window: 6 months. The oldest
--   row is 260 days old; the window is 6 months.
