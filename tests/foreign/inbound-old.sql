-- As hosts made it before series, context messages, wake-ups and agents that
-- write to each other.
CREATE TABLE messages_in (
  id TEXT PRIMARY KEY, seq INTEGER UNIQUE, kind TEXT NOT NULL, timestamp TEXT NOT NULL,
  status TEXT DEFAULT 'pending', process_after TEXT, recurrence TEXT,
  tries INTEGER DEFAULT 0, platform_id TEXT, channel_type TEXT, thread_id TEXT,
  content TEXT NOT NULL
);
CREATE TABLE delivered (message_out_id TEXT PRIMARY KEY, delivered_at TEXT NOT NULL);
