-- Operations that were cancelled, while the outcome of some items may not have
-- been stored yet.

ALTER TABLE operations ADD COLUMN unsettled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX operations_unsettled ON operations (n) WHERE unsettled <> 0;
