-- Times are integer milliseconds since the Unix epoch, in UTC; seconds are real numbers.

PRAGMA application_id = 0x53574550; -- "SWEP"

CREATE TABLE sweep (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    -- The spec file's text, as evidence.
    spec TEXT NOT NULL,
    -- What results are judged by, and what settings are chosen by.
    metric TEXT NOT NULL,
    selection_metric TEXT,
    maximize INTEGER NOT NULL CHECK (maximize IN (0, 1)),
    created_at INTEGER NOT NULL,
    -- When it was last submitted: going on with a sweep moves this.
    submitted_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sweep_by_name ON sweep (name);

CREATE TABLE trial (
    id INTEGER PRIMARY KEY,
    -- Hash of everything that decides the result.
    key TEXT NOT NULL UNIQUE,
    steps INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    -- JSON.
    job TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'done', 'diverged', 'failed')),
    -- Why it diverged or failed.
    reason TEXT,
    ended_at INTEGER,
    CHECK ((ended_at IS NULL) = (status IN ('queued', 'running')))
) STRICT;

-- A trial may belong to several sweeps, and stand twice in one.
CREATE TABLE sweep_trial (
    sweep INTEGER NOT NULL REFERENCES sweep (id),
    -- Place in the plan, from 0.
    ordinal INTEGER NOT NULL,
    trial INTEGER NOT NULL REFERENCES trial (id),
    schedule TEXT NOT NULL,
    budget TEXT NOT NULL,
    -- JSON object of numbers, sorted by key.
    settings TEXT NOT NULL,
    PRIMARY KEY (sweep, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX sweep_trial_by_trial ON sweep_trial (trial);

CREATE TABLE attempt (
    -- Only grows.
    number INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL REFERENCES trial (id),
    slot INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    end TEXT CHECK (end IN ('done', 'diverged', 'failed', 'cancelled')),
    message TEXT,
    -- Unknown where the scheduler went away.
    device_seconds REAL,
    train_seconds REAL,
    CHECK ((ended_at IS NULL) = (end IS NULL))
) STRICT;

CREATE INDEX attempt_by_trial ON attempt (trial);
-- No trial has two live attempts.
CREATE UNIQUE INDEX attempt_live ON attempt (trial) WHERE ended_at IS NULL;

CREATE TABLE metric (
    trial INTEGER NOT NULL REFERENCES trial (id),
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    -- NULL where it was not a number.
    value REAL,
    PRIMARY KEY (trial, name, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sweep INTEGER REFERENCES sweep (id),
    trial INTEGER REFERENCES trial (id),
    message TEXT
) STRICT;

-- The views are what `sweep sql` documents: the comment after a column is its help.

CREATE VIEW trials AS
SELECT
    s.id AS sweep, -- number of the sweep
    s.name AS name, -- name of the sweep
    st.ordinal AS ordinal, -- place in the sweep's plan, from 0
    t.id AS trial, -- number of the trial; sweeps share trials that are the same
    st.schedule AS schedule, -- such as `uba(phi=1)`
    st.budget AS budget, -- such as `50%`
    t.steps AS steps, -- training steps of the budget
    t.seed AS seed, -- equal seeds are paired across schedules and budgets
    st.settings AS settings, -- other swept parameters, a JSON object: settings ->> 'learning_rate'
    t.status AS status, -- queued, running, done, diverged or failed
    t.reason AS reason, -- why it diverged or failed
    s.metric AS metric, -- what the sweep is judged by, such as `test/accuracy`
    (
        SELECT value FROM metric WHERE trial = t.id AND name = s.metric ORDER BY step DESC LIMIT 1
    ) AS value, -- last value of that metric; accuracies are shares from 0 to 1
    (
        SELECT value FROM metric WHERE trial = t.id AND name = s.selection_metric ORDER BY step DESC LIMIT 1
    ) AS selection, -- last value of the metric that settings are chosen by
    (SELECT count(*) FROM attempt WHERE trial = t.id) AS attempts, -- how often it was started
    (SELECT sum(device_seconds) FROM attempt WHERE trial = t.id) AS device_seconds, -- of all its attempts
    (SELECT sum(train_seconds) FROM attempt WHERE trial = t.id) AS train_seconds, -- of that, in training steps
    t.ended_at AS ended_at, -- milliseconds since 1970, UTC
    t.key AS key -- hash of everything that decides the result
FROM sweep AS s
JOIN sweep_trial AS st ON st.sweep = s.id
JOIN trial AS t ON t.id = st.trial;

CREATE VIEW results AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    st.schedule AS schedule, -- such as `uba(phi=1)`
    st.budget AS budget, -- such as `50%`
    l.steps AS steps, -- training steps of the budget
    st.settings AS settings, -- other swept parameters, a JSON object
    l.name AS metric, -- such as `test/accuracy`
    count(l.value) AS seeds, -- how many finished trials it is over
    avg(l.value) AS mean, -- of the last values; accuracies are shares from 0 to 1
    min(l.value) AS lowest, -- smallest of the last values
    max(l.value) AS highest -- largest of the last values
FROM sweep_trial AS st
JOIN (
    SELECT t.id AS trial, t.steps, m.name, max(m.step), m.value
    FROM trial AS t
    JOIN metric AS m ON m.trial = t.id
    WHERE t.status = 'done'
    GROUP BY t.id, m.name
) AS l ON l.trial = st.trial
GROUP BY st.sweep, st.schedule, st.budget, st.settings, l.name;

CREATE VIEW curves AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    st.trial AS trial, -- number of the trial
    m.name AS name, -- such as `train/loss`
    m.step AS step, -- step t for training losses, updates done for evaluations
    m.value AS value -- null where it was not a number
FROM (SELECT DISTINCT sweep, trial FROM sweep_trial) AS st
JOIN metric AS m ON m.trial = st.trial;

CREATE VIEW attempts AS
SELECT
    number AS attempt, -- number that only grows
    trial AS trial, -- number of the trial
    slot AS slot, -- which worker slot it held
    pid AS pid, -- process of the worker
    started_at AS started_at, -- milliseconds since 1970, UTC
    ended_at AS ended_at, -- null while it runs
    end AS end, -- done, diverged, failed or cancelled
    message AS message, -- why, where it was not done
    device_seconds AS device_seconds, -- how long it held its slot; null where the scheduler went away
    train_seconds AS train_seconds -- of that, in training steps
FROM attempt;

CREATE VIEW costs AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    st.schedule AS schedule, -- such as `uba(phi=1)`
    st.budget AS budget, -- such as `50%`
    count(DISTINCT st.trial) AS trials, -- each trial once, though sweeps and cells may share it
    sum(a.device_seconds) AS device_seconds, -- of all attempts, failed ones too
    sum(a.train_seconds) AS train_seconds -- of that, in training steps
FROM (SELECT DISTINCT sweep, schedule, budget, trial FROM sweep_trial) AS st
LEFT JOIN attempt AS a ON a.trial = st.trial
GROUP BY st.sweep, st.schedule, st.budget;
