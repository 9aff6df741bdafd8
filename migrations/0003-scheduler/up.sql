-- What a scheduler needs to go on with the sweeps of a store, and nothing more per trial than it has to read.

-- Made again below; they name columns that move.
DROP VIEW trials;
DROP VIEW results;
DROP VIEW curves;
DROP VIEW costs;
DROP VIEW attempts;

-- What trials are made of; trials that differ in schedule, budget or seed alone share a row.
CREATE TABLE task (
    id INTEGER PRIMARY KEY,
    -- JSON: a model and its data, or a program.
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE facts (
    id INTEGER PRIMARY KEY,
    -- What was known of model and data when trials were planned, JSON.
    text TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO task (text) SELECT DISTINCT job FROM trial ORDER BY id;
INSERT INTO facts (text) SELECT DISTINCT facts FROM trial WHERE facts IS NOT NULL ORDER BY id;
ALTER TABLE trial ADD COLUMN task INTEGER REFERENCES task (id);
ALTER TABLE trial ADD COLUMN fact INTEGER REFERENCES facts (id);
-- JSON: when it logs, evaluates and writes checkpoints; null where it was submitted before this was kept.
ALTER TABLE trial ADD COLUMN run TEXT;
UPDATE trial SET
    task = (SELECT task.id FROM task WHERE task.text = trial.job),
    fact = (SELECT facts.id FROM facts WHERE facts.text = trial.facts);
ALTER TABLE trial DROP COLUMN job;
ALTER TABLE trial DROP COLUMN facts;

-- Those that run are found among many without reading the others.
CREATE INDEX trial_running ON trial (id) WHERE status = 'running';

-- One schedule at one budget with one setting; a sweep has few of them for many trials.
CREATE TABLE cell (
    id INTEGER PRIMARY KEY,
    sweep INTEGER NOT NULL REFERENCES sweep (id),
    schedule TEXT NOT NULL,
    budget TEXT NOT NULL,
    steps INTEGER NOT NULL,
    -- JSON object of numbers, sorted by key.
    settings TEXT NOT NULL
) STRICT;

INSERT INTO cell (sweep, schedule, budget, steps, settings)
SELECT sweep, schedule, budget, steps, settings FROM sweep_trial JOIN trial ON trial.id = trial
GROUP BY sweep, schedule, budget, steps, settings ORDER BY sweep, min(ordinal);

CREATE INDEX cell_by_sweep ON cell (sweep);

ALTER TABLE sweep_trial RENAME TO sweep_trial_before;
DROP INDEX sweep_trial_by_trial;

-- A trial may belong to several sweeps, and stand twice in one.
CREATE TABLE sweep_trial (
    sweep INTEGER NOT NULL REFERENCES sweep (id),
    -- Place in the plan, from 0.
    ordinal INTEGER NOT NULL,
    trial INTEGER NOT NULL REFERENCES trial (id),
    cell INTEGER NOT NULL REFERENCES cell (id),
    -- What came of the trial, as the view `trials` has it: kept here by triggers once it is over, so that the results of
    -- a large sweep are one walk through neighbours.
    end TEXT CHECK (end IN ('done', 'diverged', 'failed')),
    value REAL,
    selection REAL,
    gap REAL,
    device_seconds REAL,
    PRIMARY KEY (sweep, ordinal)
) STRICT, WITHOUT ROWID;

INSERT INTO sweep_trial (sweep, ordinal, trial, cell)
SELECT before.sweep, ordinal, trial, cell.id
FROM sweep_trial_before AS before
JOIN trial ON trial.id = trial
JOIN cell ON cell.sweep = before.sweep AND cell.schedule = before.schedule AND cell.budget = before.budget
    AND cell.steps = trial.steps AND cell.settings = before.settings;

DROP TABLE sweep_trial_before;
CREATE INDEX sweep_trial_by_trial ON sweep_trial (trial);
-- How far a sweep is, is counted without what came of its trials.
CREATE INDEX sweep_trial_by_end ON sweep_trial (sweep, end);

-- What a scheduler does with it: nothing, where it is neither open nor paused.
ALTER TABLE sweep ADD COLUMN state TEXT NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'paused', 'done', 'cancelled', 'limited', 'broken'));
-- Who paused or cancelled it, which limit was reached, what was broken.
ALTER TABLE sweep ADD COLUMN state_reason TEXT;
ALTER TABLE sweep ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
-- JSON: what it needs and may have.
ALTER TABLE sweep ADD COLUMN terms TEXT;
UPDATE sweep SET state = 'done';
UPDATE sweep SET state = 'cancelled', state_reason = 'it was interrupted before the store was brought up to date'
WHERE id IN (
    SELECT sweep FROM sweep_trial JOIN trial ON trial.id = trial WHERE status IN ('queued', 'running')
);

-- Tells the worker's process from a later one of the same number: boot and start time.
ALTER TABLE attempt ADD COLUMN process TEXT;
-- What its worker took of the machine, from 0 to 1.
ALTER TABLE attempt ADD COLUMN share REAL;

CREATE INDEX event_by_sweep ON event (sweep) WHERE sweep IS NOT NULL;
CREATE INDEX event_by_trial ON event (trial) WHERE trial IS NOT NULL;

CREATE VIEW trials AS
SELECT
    s.id AS sweep, -- number of the sweep
    s.name AS name, -- name of the sweep
    st.ordinal AS ordinal, -- place in the sweep's plan, from 0
    t.id AS trial, -- number of the trial; sweeps share trials that are the same
    c.schedule AS schedule, -- such as `uba(phi=1)`
    c.budget AS budget, -- such as `50%`
    t.steps AS steps, -- training steps of the budget
    t.seed AS seed, -- equal seeds are paired across schedules and budgets
    c.settings AS settings, -- other swept parameters, a JSON object: settings ->> 'learning_rate'
    iif(t.status = 'queued' AND s.state NOT IN ('open', 'paused'), 'cancelled', t.status) AS status, -- queued, running, done, diverged, failed, or cancelled: without a result in a sweep that has ended
    t.reason AS reason, -- why it diverged or failed
    s.metric AS metric, -- what the sweep is judged by, such as `test/accuracy`
    (
        SELECT value FROM metric WHERE trial = t.id AND name = s.metric ORDER BY step DESC LIMIT 1
    ) AS value, -- last value of that metric; accuracies are shares from 0 to 1
    (
        SELECT value FROM metric WHERE trial = t.id AND name = s.selection_metric ORDER BY step DESC LIMIT 1
    ) AS selection, -- last value of the metric that settings are chosen by
    (
        SELECT iif(s.maximize, seen.value - judged.value, judged.value - seen.value)
        FROM metric AS judged
        JOIN metric AS seen ON seen.trial = judged.trial AND seen.step = judged.step
        WHERE judged.trial = t.id AND judged.name = s.metric AND seen.name = 'seen/' || substr(s.metric, instr(s.metric, '/') + 1)
    ) AS gap, -- generalisation gap: how much better that metric is on training samples, evaluated the same way
    (SELECT count(*) FROM attempt WHERE trial = t.id) AS attempts, -- how often it was started
    (SELECT sum(device_seconds) FROM attempt WHERE trial = t.id) AS device_seconds, -- of all its attempts
    (SELECT sum(train_seconds) FROM attempt WHERE trial = t.id) AS train_seconds, -- of that, in training steps
    t.ended_at AS ended_at, -- milliseconds since 1970, UTC
    t.key AS key -- hash of everything that decides the result
FROM sweep AS s
JOIN sweep_trial AS st ON st.sweep = s.id
JOIN cell AS c ON c.id = st.cell
JOIN trial AS t ON t.id = st.trial;

CREATE TRIGGER trial_over AFTER UPDATE OF status ON trial
WHEN NEW.ended_at IS NOT NULL
BEGIN
    UPDATE sweep_trial SET (end, value, selection, gap, device_seconds) = (
        SELECT t.status, t.value, t.selection, t.gap, t.device_seconds
        FROM trials AS t WHERE t.sweep = sweep_trial.sweep AND t.ordinal = sweep_trial.ordinal
    ) WHERE trial = NEW.id;
END;

CREATE TRIGGER trial_again AFTER UPDATE OF status ON trial
WHEN NEW.ended_at IS NULL AND OLD.ended_at IS NOT NULL
BEGIN
    UPDATE sweep_trial SET end = NULL, value = NULL, selection = NULL, gap = NULL, device_seconds = NULL
    WHERE trial = NEW.id;
END;

-- A sweep takes over the result of an earlier one's trial.
CREATE TRIGGER trial_was_over AFTER INSERT ON sweep_trial
WHEN (SELECT ended_at FROM trial WHERE id = NEW.trial) IS NOT NULL
BEGIN
    UPDATE sweep_trial SET (end, value, selection, gap, device_seconds) = (
        SELECT t.status, t.value, t.selection, t.gap, t.device_seconds
        FROM trials AS t WHERE t.sweep = NEW.sweep AND t.ordinal = NEW.ordinal
    ) WHERE sweep = NEW.sweep AND ordinal = NEW.ordinal;
END;

UPDATE sweep_trial SET (end, value, selection, gap, device_seconds) = (
    SELECT t.status, t.value, t.selection, t.gap, t.device_seconds
    FROM trials AS t WHERE t.sweep = sweep_trial.sweep AND t.ordinal = sweep_trial.ordinal
) WHERE (SELECT ended_at FROM trial WHERE id = sweep_trial.trial) IS NOT NULL;

CREATE VIEW sweeps AS
SELECT
    id AS sweep, -- number of the sweep
    name AS name, -- name of the sweep
    description AS description, -- as in the spec
    metric AS metric, -- what it is judged by, such as `test/accuracy`
    state AS state, -- open, paused, done, cancelled, limited: at a limit, or broken: no worker could be had
    state_reason AS state_reason, -- who paused or cancelled it, which limit was reached, what was broken
    priority AS priority, -- larger ones go first
    created_at AS created_at, -- milliseconds since 1970, UTC
    submitted_at AS submitted_at -- when it was last submitted
FROM sweep;

CREATE VIEW attempts AS
SELECT
    number AS attempt, -- number that only grows
    trial AS trial, -- number of the trial
    slot AS slot, -- which worker slot it held
    pid AS pid, -- process of the worker
    started_at AS started_at, -- milliseconds since 1970, UTC
    first_step AS first_step, -- 0, or the step of the checkpoint it went on from; null before it began
    ended_at AS ended_at, -- null while it runs
    end AS end, -- done, diverged, failed or cancelled
    message AS message, -- why, where it was not done
    device_seconds AS device_seconds, -- how long it held its slot; where the scheduler went away until its last commit
    train_seconds AS train_seconds, -- of that, in training steps
    share AS share -- what its worker took of the machine, from 0 to 1
FROM attempt;

CREATE VIEW results AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    c.schedule AS schedule, -- such as `uba(phi=1)`
    c.budget AS budget, -- such as `50%`
    l.steps AS steps, -- training steps of the budget
    c.settings AS settings, -- other swept parameters, a JSON object
    l.name AS metric, -- such as `test/accuracy`
    count(l.value) AS seeds, -- how many finished trials it is over
    avg(l.value) AS mean, -- of the last values; accuracies are shares from 0 to 1
    min(l.value) AS lowest, -- smallest of the last values
    max(l.value) AS highest, -- largest of the last values
    avg(iif(l.name LIKE '%accuracy', seen.value - l.value, l.value - seen.value)) AS gap -- mean generalisation gap: how much better the metric is on training samples, evaluated the same way
FROM sweep_trial AS st
JOIN cell AS c ON c.id = st.cell
JOIN (
    SELECT t.id AS trial, t.steps, m.name, max(m.step) AS step, m.value
    FROM trial AS t
    JOIN metric AS m ON m.trial = t.id
    WHERE t.status = 'done'
    GROUP BY t.id, m.name
) AS l ON l.trial = st.trial
LEFT JOIN metric AS seen ON seen.trial = l.trial AND seen.step = l.step
    AND (l.name LIKE 'test/%' OR l.name LIKE 'validation/%')
    AND seen.name = 'seen/' || substr(l.name, instr(l.name, '/') + 1)
GROUP BY st.cell, l.name;

CREATE VIEW curves AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    st.trial AS trial, -- number of the trial
    m.name AS name, -- such as `train/loss`
    m.step AS step, -- step t for training losses, updates done for evaluations
    m.value AS value -- null where it was not a number
FROM (SELECT DISTINCT sweep, trial FROM sweep_trial) AS st
JOIN metric AS m ON m.trial = st.trial;

CREATE VIEW costs AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    st.schedule AS schedule, -- such as `uba(phi=1)`
    st.budget AS budget, -- such as `50%`
    count(DISTINCT st.trial) AS trials, -- each trial once, though sweeps and cells may share it
    sum(a.device_seconds) AS device_seconds, -- of all attempts, failed ones too
    sum(a.train_seconds) AS train_seconds -- of that, in training steps
FROM (
    SELECT DISTINCT cell.sweep, schedule, budget, trial FROM sweep_trial JOIN cell ON cell.id = cell
) AS st
LEFT JOIN attempt AS a ON a.trial = st.trial
GROUP BY st.sweep, st.schedule, st.budget;
