-- Lists and objects are JSON; the engine checks what they hold before it is
-- written.

CREATE TABLE hooks (
    name TEXT NOT NULL PRIMARY KEY,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    points TEXT NOT NULL,
    place INTEGER NOT NULL,
    on_failure TEXT NOT NULL CHECK (on_failure IN ('FAIL', 'SKIP')),
    config TEXT,
    scope TEXT NOT NULL,
    limits TEXT NOT NULL
) STRICT;

CREATE TABLE hook_versions (
    hook TEXT NOT NULL REFERENCES hooks (name) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    -- 0 is the newest: a clock that was set back does not change the order.
    age INTEGER NOT NULL,
    size INTEGER NOT NULL,
    installed_at INTEGER NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    shape TEXT NOT NULL CHECK (shape IN ('REACTOR', 'COMMAND', 'SCRIPT')),
    handles TEXT NOT NULL,
    PRIMARY KEY (hook, sha256)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hook_versions_active ON hook_versions (hook) WHERE active = 1;
