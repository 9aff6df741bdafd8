-- What trials leave on disk: checkpoints to go on from and trained weights, in `checkpoints/TRIAL/` of the home folder.

CREATE TABLE checkpoint (
    trial INTEGER NOT NULL REFERENCES trial (id),
    -- Updates done; the file is `STEP.safetensors`.
    step INTEGER NOT NULL,
    attempt INTEGER NOT NULL REFERENCES attempt (number),
    bytes INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (trial, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE weights (
    trial INTEGER NOT NULL REFERENCES trial (id),
    -- The file is `WHICH.safetensors`; there is no best where the last are the best.
    which TEXT NOT NULL CHECK (which IN ('last', 'best')),
    step INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (trial, which)
) STRICT, WITHOUT ROWID;

-- What was known of model and data when the trial was planned, JSON.
ALTER TABLE trial ADD COLUMN facts TEXT;

-- Names the file of its learning rates in `tables/` of the home folder.
ALTER TABLE trial ADD COLUMN rates TEXT;

-- The step an attempt began at: 0, or that of the checkpoint it went on from; null before it began.
ALTER TABLE attempt ADD COLUMN first_step INTEGER;

DROP VIEW attempts;

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
    device_seconds AS device_seconds, -- how long it held its slot; null where the scheduler went away
    train_seconds AS train_seconds -- of that, in training steps
FROM attempt;

DROP VIEW trials;

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
JOIN trial AS t ON t.id = st.trial;

DROP VIEW results;

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
    max(l.value) AS highest, -- largest of the last values
    avg(iif(l.name LIKE '%accuracy', seen.value - l.value, l.value - seen.value)) AS gap -- mean generalisation gap: how much better the metric is on training samples, evaluated the same way
FROM sweep_trial AS st
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
GROUP BY st.sweep, st.schedule, st.budget, st.settings, l.name;

CREATE VIEW checkpoints AS
SELECT
    trial AS trial, -- number of the trial
    step AS step, -- updates done; the file is `checkpoints/TRIAL/STEP.safetensors`
    attempt AS attempt, -- the attempt that wrote it
    bytes AS bytes, -- size of the file
    saved_at AS saved_at -- milliseconds since 1970, UTC
FROM checkpoint;

CREATE VIEW kept_weights AS
SELECT
    trial AS trial, -- number of the trial
    which AS which, -- last, or best by the validation set where that is another; the file is `checkpoints/TRIAL/WHICH.safetensors`
    step AS step, -- updates that led to them
    bytes AS bytes -- size of the file
FROM weights;
