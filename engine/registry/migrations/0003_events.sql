-- Events lie in batches, as they were put on disk: one row for each event would
-- take a tenth off the rate at which messages can be written.

CREATE TABLE events (
    -- The number of the batch's last event; its first is first.
    n INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    -- How many events there ever were, this batch included: numbers have gaps.
    total INTEGER NOT NULL,
    -- Of the batch's last event.
    at INTEGER NOT NULL,
    -- JSON.
    batch TEXT NOT NULL
) STRICT;

CREATE TABLE event_log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- 1 while events are appended: what was not closed may lack some.
    appending INTEGER NOT NULL CHECK (appending IN (0, 1))
) STRICT;
INSERT INTO event_log (id, appending) VALUES (1, 0);
