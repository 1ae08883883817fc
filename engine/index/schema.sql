-- A copy of what is in the session folders, to be searched. It may be thrown
-- away: a file of another version is.
-- Times are milliseconds since 1970, UTC.

-- How far it has come; see engine.IndexPlace. since NULL: there is no walk.
CREATE TABLE place (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    event INTEGER NOT NULL,
    at INTEGER NOT NULL,
    since INTEGER,
    sweep INTEGER NOT NULL,
    cursor TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    s INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    agent_group_id TEXT NOT NULL,
    messages TEXT NOT NULL,
    replies TEXT NOT NULL,
    -- See engine.IndexedSession.
    owed INTEGER
) STRICT;
CREATE INDEX sessions_owed ON sessions (id) WHERE owed IS NOT NULL;

-- n is the time shifted left by 20, and a number among those of the same
-- time: it is the order of all lists, that of texts too.
CREATE TABLE mail (
    n INTEGER PRIMARY KEY,
    s INTEGER NOT NULL REFERENCES sessions (s),
    direction TEXT NOT NULL CHECK (direction IN ('IN', 'OUT')),
    id TEXT NOT NULL,
    agent_group_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    channel_type TEXT,
    -- Of a message, or of a reply's delivery.
    status TEXT NOT NULL,
    -- Another message was written in its place.
    retried INTEGER NOT NULL,
    -- Since when it waits, or will; NULL if it does not.
    waits_from INTEGER,
    -- Its place in the session, 0 for none.
    seq INTEGER NOT NULL,
    -- The message that a reply answers.
    in_reply_to TEXT,
    -- Last, since it is long.
    text TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX mail_by_id ON mail (id, s, direction);
CREATE INDEX mail_by_session ON mail (s, n);
CREATE INDEX mail_by_agent_group ON mail (agent_group_id, n);
CREATE INDEX mail_by_channel ON mail (channel_type, n);
CREATE INDEX mail_by_status ON mail (direction, status, n);
CREATE INDEX mail_unended ON mail (s, n) WHERE status IN ('PENDING', 'PROCESSING', 'PAUSED', 'UNKNOWN', 'FAILED');
CREATE INDEX mail_by_message ON mail (s, in_reply_to, seq, id) WHERE in_reply_to IS NOT NULL;
CREATE INDEX mail_waiting ON mail (waits_from) WHERE waits_from IS NOT NULL;

CREATE VIRTUAL TABLE texts USING fts5 (text, content = mail, content_rowid = n, columnsize = 0, tokenize = 'trigram remove_diacritics 1');
CREATE TRIGGER mail_added AFTER INSERT ON mail BEGIN
    INSERT INTO texts (rowid, text) VALUES (new.n, new.text);
END;
CREATE TRIGGER mail_removed AFTER DELETE ON mail BEGIN
    INSERT INTO texts (texts, rowid, text) VALUES ('delete', old.n, old.text);
END;
CREATE TRIGGER mail_changed AFTER UPDATE OF text ON mail WHEN new.text <> old.text BEGIN
    INSERT INTO texts (texts, rowid, text) VALUES ('delete', old.n, old.text);
    INSERT INTO texts (rowid, text) VALUES (new.n, new.text);
END;
