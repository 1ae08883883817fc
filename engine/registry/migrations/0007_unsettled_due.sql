-- Since when a reply is to be delivered, in milliseconds since 1970.
ALTER TABLE unsettled ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
UPDATE unsettled SET due_at = unixepoch() * 1000;
