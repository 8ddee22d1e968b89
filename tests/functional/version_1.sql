-- A database as version 1 of the schema left it: one schedule, one run of two jobs.
PRAGMA application_id = 1112752968;
PRAGMA user_version = 1;
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
INSERT INTO "events" VALUES(1,1,'2026-11-23T01:02:03.000004Z','','START','','RUNNING',0,'','ann','',NULL);
INSERT INTO "events" VALUES(1,2,'2026-11-23T01:02:04.000004Z','make','RESERVE','WAITING','RESERVED',1,'','engine','',NULL);
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
INSERT INTO "jobs" VALUES(1,'clean',1,'WAITING',0,0,0,'','','',0,NULL,NULL,NULL,NULL,NULL,NULL,'');
INSERT INTO "jobs" VALUES(1,'make',0,'RESERVED',1,1,0,'etl-make-1','','',0,'2026-11-23T01:02:03.000004Z',NULL,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    epoch INTEGER NOT NULL,
    owner TEXT NOT NULL
);
INSERT INTO "lease" VALUES(1,'run etl (process 7)');
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
INSERT INTO "runs" VALUES(1,'etl-1','etl','2026-11-23T01:02:03.000004Z','RUNNING',0,'{"WAITING":1,"RESERVED":1}','{"runId":"etl-1","scheduleId":"etl","startDateTime":"2026-11-23T01:02:03.000004Z","parameters":{"date":"2026-11-23"},"startedBy":"ann"}');
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
INSERT INTO "schedules" VALUES('etl',1,'d','2026-11-23T01:02:03.000004Z','ann','ETL',2,'{"scheduleId":"etl"}');
CREATE TABLE specs (
    run INTEGER NOT NULL REFERENCES runs (run),
    position INTEGER NOT NULL,
    spec TEXT NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
INSERT INTO "specs" VALUES(1,0,'{"jobName":"make","request":{"jobQueue":"q","containerOverrides":{"command":["make"]}}}');
INSERT INTO "specs" VALUES(1,1,'{"jobName":"clean","upstream":["make"],"triggerRule":"all done","retry":{"attempts":3,"delaySeconds":2.5},"runnableTimeout":60}');
CREATE INDEX runs_by_time ON runs (started_at);
CREATE INDEX runs_by_schedule ON runs (schedule_id, started_at);
CREATE INDEX runs_by_status ON runs (status, started_at);
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'events are only ever appended'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT raise(ABORT, 'events are only ever appended'); END;
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
