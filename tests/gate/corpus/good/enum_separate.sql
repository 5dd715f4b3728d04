ALTER TYPE mood ADD VALUE IF NOT EXISTS 'ok' BEFORE 'sad';
INSERT INTO moods_seen (m) VALUES ('ok');
