-- What answers are made of: prices, energy, and trials that wait until it is known whether they are needed.

-- What a machine costs, as it was when a sweep took it: the table that it is from may change.
CREATE TABLE price (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    sku TEXT NOT NULL,
    -- Empty where there is none.
    gpu TEXT NOT NULL,
    gpu_memory_gb INTEGER NOT NULL,
    gpus INTEGER NOT NULL CHECK (gpus >= 0),
    -- Of the whole machine.
    usd_per_hour REAL NOT NULL CHECK (usd_per_hour > 0),
    provisioning TEXT NOT NULL CHECK (provisioning IN ('on_demand', 'spot', 'reserved')),
    region TEXT NOT NULL,
    billing_granularity_s INTEGER NOT NULL,
    min_charge_s INTEGER NOT NULL,
    source TEXT NOT NULL,
    -- As `2026-11-09`; empty where nobody says.
    checked_at TEXT NOT NULL,
    UNIQUE (
        provider, sku, gpu, gpu_memory_gb, gpus, usd_per_hour, provisioning, region, billing_granularity_s,
        min_charge_s, source, checked_at
    )
) STRICT;

ALTER TABLE sweep ADD COLUMN price INTEGER REFERENCES price (id);

INSERT INTO price (
    provider, sku, gpu, gpu_memory_gb, gpus, usd_per_hour, provisioning, region, billing_granularity_s, min_charge_s,
    source, checked_at
)
SELECT DISTINCT 'own', 'machine', '', 0, 0, terms ->> 'usd_per_hour', 'on_demand', '', 0, 0, 'a number of one''s own', ''
FROM sweep WHERE terms ->> 'usd_per_hour' > 0;
UPDATE sweep SET price = (SELECT id FROM price WHERE usd_per_hour = terms ->> 'usd_per_hour');

-- What the GPUs took while it held them, by its share of them; null where nobody measures it.
ALTER TABLE attempt ADD COLUMN joules REAL;

-- 1 where the spec lets results decide whether this seed is trained, and nothing has so far.
ALTER TABLE sweep_trial ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));
-- Its trial's, here for the same reason as what came of it.
ALTER TABLE sweep_trial ADD COLUMN seed INTEGER NOT NULL DEFAULT 0;
UPDATE sweep_trial SET seed = (SELECT seed FROM trial WHERE id = trial);
CREATE INDEX sweep_trial_held ON sweep_trial (sweep) WHERE held = 1;

-- What stands in a sweep's plan and is held back is none of its results.
DROP TRIGGER trial_over;
DROP TRIGGER trial_was_over;
DROP VIEW trials;
DROP VIEW results;
DROP VIEW curves;

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
JOIN trial AS t ON t.id = st.trial
WHERE st.held = 0;

CREATE TRIGGER trial_over AFTER UPDATE OF status ON trial
WHEN NEW.ended_at IS NOT NULL
BEGIN
    UPDATE sweep_trial SET (end, value, selection, gap, device_seconds) = (
        SELECT t.status, t.value, t.selection, t.gap, t.device_seconds
        FROM trials AS t WHERE t.sweep = sweep_trial.sweep AND t.ordinal = sweep_trial.ordinal
    ) WHERE trial = NEW.id AND held = 0;
END;

-- A sweep takes over the result of an earlier one's trial.
CREATE TRIGGER trial_was_over AFTER INSERT ON sweep_trial
WHEN NEW.held = 0 AND (SELECT ended_at FROM trial WHERE id = NEW.trial) IS NOT NULL
BEGIN
    UPDATE sweep_trial SET (end, value, selection, gap, device_seconds) = (
        SELECT t.status, t.value, t.selection, t.gap, t.device_seconds
        FROM trials AS t WHERE t.sweep = NEW.sweep AND t.ordinal = NEW.ordinal
    ) WHERE sweep = NEW.sweep AND ordinal = NEW.ordinal;
END;

CREATE TRIGGER trial_is_wanted AFTER UPDATE OF held ON sweep_trial
WHEN NEW.held = 0 AND (SELECT ended_at FROM trial WHERE id = NEW.trial) IS NOT NULL
BEGIN
    UPDATE sweep_trial SET (end, value, selection, gap, device_seconds) = (
        SELECT t.status, t.value, t.selection, t.gap, t.device_seconds
        FROM trials AS t WHERE t.sweep = NEW.sweep AND t.ordinal = NEW.ordinal
    ) WHERE sweep = NEW.sweep AND ordinal = NEW.ordinal;
END;

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
WHERE st.held = 0
GROUP BY st.cell, l.name;

CREATE VIEW curves AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    st.trial AS trial, -- number of the trial
    m.name AS name, -- such as `train/loss`
    m.step AS step, -- step t for training losses, updates done for evaluations
    m.value AS value -- null where it was not a number
FROM (SELECT DISTINCT sweep, trial FROM sweep_trial WHERE held = 0) AS st
JOIN metric AS m ON m.trial = st.trial;

CREATE VIEW prices AS
SELECT
    s.id AS sweep, -- number of the sweep that is priced with it
    p.provider AS provider, -- whose offer it is; `own` for a number in a spec
    p.sku AS sku, -- the provider's name of the machine
    p.gpu AS gpu, -- empty where it has none
    p.gpu_memory_gb AS gpu_memory_gb, -- of each
    p.gpus AS gpus, -- how many
    p.usd_per_hour AS usd_per_hour, -- of the whole machine
    p.provisioning AS provisioning, -- on_demand, spot or reserved
    p.region AS region, -- empty where the price is of no region
    p.billing_granularity_s AS billing_granularity_s, -- a rental is rounded up to so many seconds
    p.min_charge_s AS min_charge_s, -- the least that is charged for
    p.source AS source, -- who says so
    p.checked_at AS checked_at -- when that was looked up, YYYY-MM-DD
FROM sweep AS s
JOIN price AS p ON p.id = s.price;

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
    device_seconds AS device_seconds, -- how long it held its slot; where the scheduler went away until its last commit
    train_seconds AS train_seconds, -- of that, in training steps
    share AS share, -- what its worker took of the machine, from 0 to 1
    joules AS joules -- energy of its share of the GPUs; null where nobody measures it
FROM attempt;

DROP VIEW costs;
CREATE VIEW costs AS
SELECT
    st.sweep AS sweep, -- number of the sweep
    st.schedule AS schedule, -- such as `uba(phi=1)`
    st.budget AS budget, -- such as `50%`
    count(DISTINCT st.trial) AS trials, -- each trial once, though sweeps and cells may share it
    sum(a.device_seconds) AS device_seconds, -- of all attempts, failed ones too
    sum(a.train_seconds) AS train_seconds, -- of that, in training steps
    sum(a.device_seconds * coalesce(a.share, 0.0)) / 3600.0 AS machine_hours, -- by the share of the machine that each took: times its price it is money
    sum(a.joules) AS joules -- energy of GPUs; null where nobody measures it
FROM (
    SELECT DISTINCT cell.sweep, schedule, budget, trial FROM sweep_trial JOIN cell ON cell.id = cell WHERE held = 0
) AS st
LEFT JOIN attempt AS a ON a.trial = st.trial
GROUP BY st.sweep, st.schedule, st.budget;
