-- What hooks did to messages and replies, for who looks at one. It may be
-- thrown away: a file of another version is.
-- Times are milliseconds since 1970, UTC.

CREATE TABLE sessions (
    s INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;

-- A chunk has traces of one session and direction that were stored at one
-- time, of seqs from first to last, which are less than 256 apart. Where one is
-- in several, that of the highest n counts.
CREATE TABLE chunks (
    n INTEGER PRIMARY KEY,
    s INTEGER NOT NULL REFERENCES sessions (s),
    direction TEXT NOT NULL CHECK (direction IN ('IN', 'OUT')),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- Last, since it is long; see chunk.go.
    body BLOB NOT NULL
) STRICT;
CREATE INDEX chunks_by_seq ON chunks (s, direction, first);
