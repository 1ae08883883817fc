-- Operations: one action on many messages and replies.

CREATE TABLE operations (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    action TEXT NOT NULL,
    -- JSON.
    filter TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- PREPARING: not all of its items are here.
    status TEXT NOT NULL CHECK (status IN ('PREPARING', 'RUNNING', 'COMPLETED', 'CANCELLED')),
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX operations_by_status ON operations (status, n);

CREATE TABLE operation_items (
    operation INTEGER NOT NULL REFERENCES operations (n),
    n INTEGER NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('IN', 'OUT')),
    session_id TEXT NOT NULL,
    mail_id TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT 'PENDING' CHECK (outcome IN ('PENDING', 'DONE', 'REFUSED')),
    problem TEXT,
    retried_as TEXT,
    PRIMARY KEY (operation, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_items_by_outcome ON operation_items (operation, outcome, n);
