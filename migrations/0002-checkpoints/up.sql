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
