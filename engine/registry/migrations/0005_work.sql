-- What a session still has to do is found after a crash without a look at any
-- folder: its row is on disk before whatever makes work is acknowledged.
CREATE TABLE work (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    -- No later than anything that falls due; NULL if there is nothing such.
    due_at INTEGER
) STRICT, WITHOUT ROWID;
-- Folders from before this table are looked at once.
INSERT INTO work (session_id, due_at) SELECT id, 0 FROM sessions WHERE status = 'ACTIVE' OR container_status <> 'STOPPED';

-- Who may run a session's container.
CREATE TABLE container_claims (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    -- NULL: until it is released.
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
-- STOPPED says that nobody runs it.
CREATE TRIGGER container_stopped AFTER UPDATE OF container_status ON sessions WHEN new.container_status = 'STOPPED'
BEGIN
    DELETE FROM container_claims WHERE session_id = new.id;
END;
