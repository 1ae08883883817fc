-- Times are milliseconds since 1970, UTC: instants compare as numbers, where
-- texts of two forms would not, and reading one parses nothing.
-- n is the order of creation, by which lists are paged.

CREATE TABLE agent_groups (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Raised by each change of the group's destinations, never lowered.
    destinations_version INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE messaging_groups (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel_type TEXT NOT NULL,
    platform_id TEXT NOT NULL,
    name TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (channel_type, platform_id)
) STRICT;
-- The unique index is not in order of n.
CREATE INDEX messaging_groups_by_channel_type ON messaging_groups (channel_type, n);

CREATE TABLE destinations (
    agent_group_id TEXT NOT NULL REFERENCES agent_groups (id),
    name TEXT NOT NULL,
    display_name TEXT,
    messaging_group_id TEXT REFERENCES messaging_groups (id),
    target_agent_group_id TEXT REFERENCES agent_groups (id),
    PRIMARY KEY (agent_group_id, name),
    CHECK ((messaging_group_id IS NULL) <> (target_agent_group_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX destinations_by_messaging_group ON destinations (messaging_group_id);

CREATE TABLE sessions (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    agent_group_id TEXT NOT NULL REFERENCES agent_groups (id),
    messaging_group_id TEXT REFERENCES messaging_groups (id),
    thread_id TEXT,
    mode TEXT NOT NULL CHECK (mode IN ('SHARED', 'PER_THREAD', 'AGENT_SHARED')),
    status TEXT NOT NULL CHECK (status IN ('ACTIVE', 'CLOSED')),
    container_status TEXT NOT NULL CHECK (container_status IN ('RUNNING', 'IDLE', 'STOPPED')),
    labels TEXT NOT NULL,
    last_active INTEGER,
    created_at INTEGER NOT NULL,
    -- What an active session is found by; NULL for one that cannot be found.
    key TEXT UNIQUE,
    -- The destinations_version that its folder lacks; NULL when it lacks none.
    stale INTEGER,
    CHECK (status = 'ACTIVE' OR (key IS NULL AND stale IS NULL))
) STRICT;
-- With status, container_status and mode given, each is in order of n.
CREATE INDEX sessions_by_state ON sessions (status, container_status, mode, n);
CREATE INDEX sessions_by_agent_group ON sessions (agent_group_id, status, container_status, mode, n);
CREATE INDEX sessions_by_messaging_group ON sessions (messaging_group_id, status, container_status, mode, n);
CREATE INDEX sessions_stale ON sessions (id) WHERE stale IS NOT NULL;
