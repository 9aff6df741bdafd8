//! The scheduler as a state machine: [`State::step`] takes the time and one [`Event`] and says what is to be
//! done. No I/O, no clock, no randomness: the same events give the same actions.
//!
//! Invariants, re-derived by [`State::check`]: no trial has two live attempts, no worker two trials, every
//! trial that is not over is queued or runs, and no message of an old attempt or worker changes anything.

mod checkpoints;
mod due;
mod ends;
mod event;
mod record;
mod state;
mod transition;

pub use event::{Action, Event, Submitted, WorkerRef};
pub use record::{AttemptEnd, Millis, Record, SweepId, TrialEnd, TrialId};
pub use state::{Counts, Drain, Policy, Running, Slot, State, Trial};
