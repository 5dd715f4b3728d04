BEGIN;
ALTER TYPE mood ADD VALUE 'ok';
-- expect: enum_value_used_in_same_transaction
INSERT INTO moods_seen (m) VALUES ('ok');
COMMIT;
