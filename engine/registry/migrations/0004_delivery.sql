-- Replies that are not settled, and those that failed: an index over all
-- sessions of what is kept in their folders. n is the order of their noting.

CREATE TABLE unsettled (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    reply_id TEXT NOT NULL,
    way TEXT NOT NULL,
    failed INTEGER NOT NULL CHECK (failed IN (0, 1)),
    UNIQUE (session_id, reply_id)
) STRICT;
CREATE INDEX unsettled_by_way ON unsettled (failed, way, n);
CREATE INDEX unsettled_by_failed ON unsettled (failed, n);

CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    channel_type TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1))
) STRICT;

-- Keys of the engine's own, and times that it keeps.
CREATE TABLE secrets (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE marks (name TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT;
