-- How what a spec leaves open was settled when it was planned.

-- JSON array of sentences, such as which φ was chosen and why, or how many steps an hour has; null where nothing was open.
ALTER TABLE cell ADD COLUMN settled TEXT;
-- The schedule that was followed, such as `uba(phi=0.5)`, where the spec left it open.
ALTER TABLE cell ADD COLUMN followed TEXT;

CREATE VIEW cells AS
SELECT
    sweep AS sweep, -- number of the sweep
    schedule AS schedule, -- such as `uba(phi=1)`
    budget AS budget, -- as in the spec, such as `50%` or `10 min`
    steps AS steps, -- training steps of the budget
    followed AS followed, -- the schedule that was followed, where the spec left it open
    settings AS settings, -- other swept parameters, a JSON object
    settled AS settled -- how what the spec leaves open was settled, a JSON array of sentences; null where nothing was open
FROM cell;
