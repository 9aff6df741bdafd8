//! The scheduler as a state machine: [`State::step`] takes the time and one [`Event`] and says what is to be
//! done. No I/O, no clock, no randomness: the same events give the same actions.
//!
//! Invariants, re-derived by [`State::check`]: no trial has two live attempts, no worker two trials, no core and no
//! share of a GPU two workers; every trial that is not over waits, is delayed or runs, and no message of an old attempt
//! or worker changes anything.

mod checkpoints;
mod due;
mod ends;
mod event;
mod need;
mod record;
mod requests;
mod schedule;
mod state;
mod sweep;
mod transition;
mod why;
mod worker;

pub use event::{Action, Event, Exit, Submitted, WorkerRef};
pub use need::{Gpu, GpuLease, GpuNeed, GpuProcess, GpuSeen, Kind, Lack, Lease, Need, Owner, Pool, WHOLE};
pub use record::{AttemptEnd, Change, Millis, Record, SweepId, TrialEnd, TrialId};
pub use state::{Drain, Place, Policy, State, Trial};
pub use sweep::{Before, Counts, Limits, Over, Stage, Sweep, Terms};
pub use why::{Blocker, Why};
pub use worker::{Phase, Running, Worker};
