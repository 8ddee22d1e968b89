"""The shape of the database, as numbered steps from nothing to now.

A step that was released is never edited: whatever changes is a new step at the end. Step n leads
from `PRAGMA user_version` n - 1 to n.
"""

import sqlite3

APPLICATION_ID = 0x42534348  # "BSCH": how SQLite's header tells whose file this is

# Times are text such as 2026-11-23T01:02:03.000004Z: an operator can read it, it sorts as time
# does, and reading it takes half as long as integer microseconds do.
# The state of a job is apart from its spec, for an update writes the whole row anew.
_VERSION_1 = """
CREATE TABLE lease (
    epoch INTEGER NOT NULL,
    owner TEXT NOT NULL
);
INSERT INTO lease VALUES (0, '');

CREATE TABLE schedules (
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    stored_at TEXT NOT NULL,
    stored_by TEXT NOT NULL,
    name TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (id, version)
);

CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    schedule_id TEXT NOT NULL,
    started_at TEXT NOT NULL,
    status TEXT NOT NULL,
    revision INTEGER NOT NULL,
    counts TEXT NOT NULL,
    header TEXT NOT NULL
);
CREATE INDEX runs_by_time ON runs (started_at);
CREATE INDEX runs_by_schedule ON runs (schedule_id, started_at);
CREATE INDEX runs_by_status ON runs (status, started_at);

CREATE TABLE specs (
    run INTEGER NOT NULL REFERENCES runs (run),
    position INTEGER NOT NULL,
    spec TEXT NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;

CREATE TABLE jobs (
    run INTEGER NOT NULL REFERENCES runs (run),
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    queue_name TEXT NOT NULL,
    job_id TEXT NOT NULL,
    intent TEXT NOT NULL,
    lookups INTEGER NOT NULL,
    reserved_at TEXT,
    not_before TEXT,
    runnable_since TEXT,
    started_at TEXT,
    stopped_at TEXT,
    exit_code INTEGER,
    reason TEXT NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;

CREATE TABLE events (
    run INTEGER NOT NULL REFERENCES runs (run),
    sequence INTEGER NOT NULL,
    at TEXT NOT NULL,
    job TEXT NOT NULL,
    act TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    exit_code INTEGER,
    PRIMARY KEY (run, sequence)
) WITHOUT ROWID;
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'events are only ever appended'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT raise(ABORT, 'events are only ever appended'); END;

-- A person's `UPDATE jobs SET status = 'PASS'` becomes what an operator's act would have been: the
-- engine's next write conflicts and it reads the run anew, counts and history agree. The words are
-- checked here because a CHECK of the table costs each write of ours a fifth more.
CREATE TRIGGER jobs_edited_by_hand AFTER UPDATE OF status ON jobs
WHEN NEW.version = OLD.version AND NEW.status <> OLD.status
BEGIN
    SELECT raise(ABORT, 'jobs have no such status: PASS is the one to set by hand')
    WHERE NEW.status NOT IN ('WAITING', 'HELD', 'RESERVED', 'SUBMITTED', 'PENDING', 'RUNNABLE',
        'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'UPSTREAM_FAILED', 'CANCELLED', 'PASS',
        'SKIPPED', 'NOTFOUND');
    UPDATE jobs SET version = version + 1 WHERE run = NEW.run AND name = NEW.name;
    INSERT INTO events
    SELECT NEW.run, coalesce(max(sequence), 0) + 1, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'),
        NEW.name, 'EDIT', OLD.status, NEW.status, NEW.attempt, NEW.job_id, 'table',
        'status set by hand in the table', NEW.exit_code
    FROM events WHERE run = NEW.run;
    UPDATE runs SET revision = revision + 1, counts = json_set(
        counts,
        '$.' || OLD.status, coalesce(json_extract(counts, '$.' || OLD.status), 0) - 1,
        '$.' || NEW.status, coalesce(json_extract(counts, '$.' || NEW.status), 0) + 1
    ) WHERE run = NEW.run;
END;
"""

# What is due is found by its time, and what an event starts by the event: nothing else is read.
_TRIGGERS = """
CREATE TABLE triggers (
    schedule_id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    next_at TEXT,
    listens TEXT NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX triggers_by_time ON triggers (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE listeners (
    event TEXT NOT NULL,
    schedule_id TEXT NOT NULL,
    PRIMARY KEY (event, schedule_id)
) WITHOUT ROWID;

CREATE TABLE calendars (
    name TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    document TEXT NOT NULL,
    stored_at TEXT NOT NULL,
    stored_by TEXT NOT NULL
) WITHOUT ROWID;
"""

_TOKENS = """
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL, -- of the secret, SHA-256; the secret itself is nowhere
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    scopes TEXT NOT NULL, -- JSON
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked_at TEXT,
    revoked_by TEXT NOT NULL,
    last_used_at TEXT
) WITHOUT ROWID;
"""

# Schedules that are out of use: those whose newest version is the one named here.
_DELETIONS = """
CREATE TABLE deletions (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    deleted_at TEXT NOT NULL,
    deleted_by TEXT NOT NULL
) WITHOUT ROWID;
"""

# Requests over HTTP that may come twice, with their answers; `status` is 0 until there is one.
_REQUESTS = """
CREATE TABLE requests (
    key TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    at TEXT NOT NULL,
    until TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    media_type TEXT NOT NULL,
    location TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX requests_by_end ON requests (expires_at);
"""

# Runs that ended before were told of, or nobody wanted to know. Of a letter that is delivered or
# given up only its name and its group stay, for some days.
_NOTICES = """
ALTER TABLE runs ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_untold ON runs (run) WHERE untold = 1;

CREATE TABLE outbox (
    key TEXT NOT NULL PRIMARY KEY,
    kin TEXT NOT NULL,
    at TEXT NOT NULL,
    letter TEXT NOT NULL,
    next_at TEXT,
    tries INTEGER NOT NULL,
    error TEXT NOT NULL,
    closed_at TEXT,
    is_told INTEGER NOT NULL
);
CREATE INDEX outbox_by_time ON outbox (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX outbox_by_end ON outbox (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX outbox_by_group ON outbox (kin);
"""

# What a job told, as JSON; most tell nothing.
_TOLD = """
ALTER TABLE jobs ADD COLUMN told TEXT;
"""

_REASONS = """
ALTER TABLE deletions ADD COLUMN reason TEXT NOT NULL DEFAULT '';
"""

STEPS = (_VERSION_1, _TRIGGERS, _TOKENS, _DELETIONS, _REQUESTS, _NOTICES, _TOLD, _REASONS)
LATEST = len(STEPS)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Take the remaining steps from `version` on, each whole or not at all."""
    for number in range(version + 1, LATEST + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {STEPS[number - 1]}"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;"
        )
