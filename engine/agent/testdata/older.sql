-- inbound.db of a host that is older than triggers, wake rows and threads.
CREATE TABLE messages_in (
  id TEXT PRIMARY KEY,
  seq INTEGER UNIQUE,
  kind TEXT NOT NULL,
  timestamp TEXT NOT NULL,
  status TEXT DEFAULT 'pending',
  content TEXT NOT NULL
);
INSERT INTO messages_in (id, seq, kind, timestamp, content) VALUES ('old-1', 2, 'chat', '2026-01-01 00:00:00', 'hello');
