-- When a session was last active, as far as retention knows: never later than
-- last_active, and brought up to date when retention comes by. An index on
-- last_active itself would be written with every message.
ALTER TABLE sessions ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;
-- No later than the oldest of its files that may once be removed; NULL if it
-- has none, until it is active again.
ALTER TABLE sessions ADD COLUMN files_at INTEGER DEFAULT 0;
UPDATE sessions SET active_at = coalesce(last_active, created_at), files_at = created_at;
CREATE INDEX sessions_by_activity ON sessions (status, active_at, n);
CREATE INDEX sessions_by_files ON sessions (files_at, n) WHERE files_at IS NOT NULL;
CREATE TRIGGER session_has_files AFTER UPDATE OF last_active ON sessions WHEN new.files_at IS NULL
BEGIN
    UPDATE sessions SET files_at = new.last_active WHERE n = new.n;
END;

-- Sessions whose folder is a file in "archives" now. They have no other row.
CREATE TABLE archives (
    session_id TEXT NOT NULL PRIMARY KEY,
    agent_group_id TEXT NOT NULL,
    archived_at INTEGER NOT NULL,
    -- 1 while there may be a folder that nobody needs any more.
    folder_left INTEGER NOT NULL CHECK (folder_left IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX archives_with_folder ON archives (session_id) WHERE folder_left = 1;
