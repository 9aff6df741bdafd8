"""A training program's side of `sweep`: what its trial is, and how it goes. One file, no dependencies, Python 3.8.

    import sweep_trial

    trial = sweep_trial.load(steps=300, rate=0.1)      # what is given here counts when no sweep runs the program
    for step in range(trial.steps):
        loss = train_one_batch(lr=trial.rate(step))
        if step % 10 == 9:
            trial.report(step + 1, {"train/loss": loss})
    trial.report(trial.steps, {"test/accuracy": evaluate()})

Where several processes train one model, only one of them is to report.
"""

import array
import atexit
import json
import math
import os
import sys
import tempfile

__all__ = ["Trial", "load"]

VERSION = 1


def load(steps=None, rate=None, seed=0, parameters=None):
    """The trial that a sweep runs this program for. Outside a sweep: one of `steps` steps whose learning rate is
    `rate`, a number or a function of the step, and that prints its reports to standard error."""
    described = os.environ.get("SWEEP_TRIAL")
    if described is None:
        if steps is None or rate is None:
            raise RuntimeError("no sweep runs this program: say what it is to do by itself, as in `load(steps=300, rate=0.1)`")
        return Trial._alone(_whole("steps", steps), rate, seed, dict(parameters or {}))
    with open(described, encoding="utf-8") as file:
        found = json.load(file)
    if found.get("version") != VERSION:
        raise RuntimeError(
            f"`{described}` has version {found.get('version')}, and this `sweep_trial.py` reads {VERSION}: "
            "take the one that came with this `sweep`"
        )
    return Trial._swept(found, os.environ)


class Trial:
    """One training: `steps` steps under one learning-rate schedule, from one seed."""

    def __init__(self, *, parameters, seed, steps, budget, schedule, trial, attempt, rates, momenta, folder, report_fd, checkpoints):
        #: The swept parameters, by name.
        self.parameters = parameters
        self.seed = seed
        self.steps = steps
        #: As printed, such as `50%`.
        self.budget = budget
        #: As printed, such as `uba(phi=1)`.
        self.schedule = schedule
        self.trial = trial
        self.attempt = attempt
        #: Steps of the checkpoints that the sweep knows of, ascending: what was reported before them is kept.
        self.checkpoints = checkpoints
        self._rates = rates
        self._momenta = momenta
        self._folder = folder
        self._fd = report_fd
        self._written = []

    @classmethod
    def _swept(cls, found, environment):
        steps = found["steps"]
        values = _floats(environment["SWEEP_LR"])
        if len(values) not in (steps, 2 * steps):
            raise RuntimeError(f"`{environment['SWEEP_LR']}` holds {len(values)} numbers, not 1 or 2 for each of {steps} steps")
        columns = len(values) // steps if steps else 1
        return cls(
            parameters=found["parameters"],
            seed=found["seed"],
            steps=steps,
            budget=found["budget"],
            schedule=found["schedule"],
            trial=found["trial"],
            attempt=found["attempt"],
            rates=values[::columns].__getitem__,
            momenta=values[1::2].__getitem__ if columns == 2 else None,
            folder=environment["SWEEP_CHECKPOINT"],
            report_fd=int(environment["SWEEP_REPORT_FD"]),
            checkpoints=found.get("checkpoints", []),
        )

    @classmethod
    def _alone(cls, steps, rate, seed, parameters):
        return cls(
            parameters=parameters,
            seed=seed,
            steps=steps,
            budget="100%",
            schedule="none",
            trial=0,
            attempt=0,
            rates=rate if callable(rate) else lambda step: float(rate),
            momenta=None,
            folder=None,
            report_fd=None,
            checkpoints=[],
        )

    def rate(self, step):
        """The learning rate of step 0 … steps - 1."""
        return self._rates(self._step(step, self.steps - 1))

    def momentum(self, step):
        """The momentum of that step; None where the schedule leaves it alone."""
        step = self._step(step, self.steps - 1)
        return None if self._momenta is None else self._momenta(step)

    def report(self, step, metrics=None, **more):
        """Tells the metrics after `step` steps. `train/loss` is drawn as the loss; values may be numbers or anything
        that `float()` takes; those that are not finite are told as such."""
        values = {**(metrics or {}), **more}
        self._tell({"step": self._step(step, self.steps), **{name: _number(name, value) for name, value in values.items()}})

    @property
    def checkpoint_folder(self):
        """Where this trial may keep what it needs to go on after an interruption. It is deleted once the trial has a
        result; outside a sweep it is empty and goes with the program."""
        if self._folder is None:
            folder = tempfile.TemporaryDirectory(prefix="sweep-trial-")
            atexit.register(folder.cleanup)
            self._folder = folder.name
        return self._folder

    def checkpoint_path(self, step):
        """The file in the checkpoint folder for the state after `step` steps."""
        return os.path.join(self.checkpoint_folder, str(_whole("step", step)))

    @property
    def resume(self):
        """The newest step whose state is on disk and known to the sweep, to go on from after `start`; 0 to begin anew.
        A state that is newer, but of which the sweep did not hear before it was interrupted, is left alone: what was
        measured on the way to it was not heard of either."""
        return max((step for step in self.checkpoints if os.path.exists(self.checkpoint_path(step))), default=0)

    def start(self, step):
        """Tells that the program goes on from its own checkpoint, with step `step` next. To be called before anything
        else is told."""
        self._tell({"start": self._step(step, self.steps)})

    def checkpointed(self, step):
        """Tells that the state after `step` steps is in the checkpoint folder, whole. Of the files of
        `checkpoint_path` that this process told of, the newest three stay."""
        self._tell({"checkpoint": self._step(step, self.steps)})
        self._written.append(step)
        for old in self._written[:-3]:
            if os.path.exists(self.checkpoint_path(old)):
                os.remove(self.checkpoint_path(old))
        del self._written[:-3]

    def diverged(self, step):
        """Tells that going on is no use, and ends the program: the trial has a result, which ranks last."""
        self._tell({"diverged": self._step(step, self.steps)})
        raise SystemExit(0)

    def note(self, text):
        """Tells something that people should know."""
        self._tell({"note": str(text)})

    def _step(self, step, last):
        number = _whole("step", step)
        if not 0 <= number <= last:
            raise ValueError(f"step {number} is not one of 0 to {last}")
        return number

    def _tell(self, what):
        if self._fd is None:
            print(*(f"{name} {value}" for name, value in what.items()), sep="  ", file=sys.stderr, flush=True)
            return
        line = json.dumps(what, allow_nan=False).encode() + b"\n"
        while line:  # a signal may cut a write short
            line = line[os.write(self._fd, line):]


def _floats(path):
    """The little-endian `f32` of a file."""
    values = array.array("f")
    with open(path, "rb") as file:
        values.frombytes(file.read())
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _whole(name, value):
    number = int(value)
    if number != value:
        raise ValueError(f"`{name}` is {value!r}, not a whole number")
    return number


def _number(name, value):
    if not isinstance(name, str):
        raise TypeError(f"the name of a metric is {name!r}, not a text")
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`{name}` is {value!r}, not a number") from error
    return number if math.isfinite(number) else None
