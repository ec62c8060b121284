-- State derived from the log; it can be dropped and is then rebuilt from the log's first record.
CREATE TABLE IF NOT EXISTS applied (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL);
INSERT OR IGNORE INTO applied VALUES (1, 0);

CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY,
    start TEXT NOT NULL,               -- the record that started the task
    memory TEXT NOT NULL,              -- whose labels it carries: its own, or those of its agent
    version INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}',
    refusals INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'active'
) WITHOUT ROWID;

-- Labels hang on whatever can remember: a task of an agent that is attested stateless, else the
-- agent itself, so that a new task does not shed what an earlier one has read.
CREATE TABLE IF NOT EXISTS labels (
    memory TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS vouched (
    task TEXT NOT NULL, role TEXT NOT NULL, value TEXT NOT NULL, place TEXT NOT NULL,
    PRIMARY KEY (task, role, value, place)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS baselines (
    task TEXT NOT NULL, key TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (task, key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS consumed (key TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS approvals (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL, digest TEXT NOT NULL,
    state TEXT NOT NULL,               -- pending, granted, denied, used
    requested TEXT NOT NULL,           -- the record that asked
    granted_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS approvals_digest ON approvals (task, digest);

CREATE TABLE IF NOT EXISTS revocations (
    what TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (what, id)
) WITHOUT ROWID;

-- Permits without a known outcome. A row that stays locks its digest.
CREATE TABLE IF NOT EXISTS open_calls (
    decision TEXT PRIMARY KEY, task TEXT NOT NULL, digest TEXT NOT NULL,
    changes_state INTEGER NOT NULL, tool TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_calls_digest ON open_calls (task, digest);

CREATE TABLE IF NOT EXISTS pins (
    target TEXT PRIMARY KEY, pin TEXT NOT NULL
) WITHOUT ROWID;
