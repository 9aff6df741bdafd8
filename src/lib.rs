//! `sweep` finds out how little training you can pay for: it trains one model under many learning-rate
//! schedules and budgets, keeps every result in one file, and answers with statistics.
//!
//! # Code map
//!
//! Data flows one way: a YAML file becomes a [`spec::Spec`], with what a worker finds out about model and data
//! a [`plan::Plan`], which [`daemon`] keeps in the [`store`] and hands to the [`engine`]; what the engine decides is kept
//! by the store and done by [`executor`]; [`report`] turns what the store holds into tables. Start reading at [`cli`]'s
//! `run`.
//!
//! - [`cli`]: one file per verb: arguments → call → render. The only room that knows clap, standard output or
//!   the environment. Must never decide anything about trials.
//! - [`spec`]: YAML text → `Spec`; every error has its place and help. The same tables make the schema for editors. The only
//!   room that names the YAML crate.
//!   Must never open a file.
//! - [`schedule`]: (step, total) → learning rate, one file per family. Pure; must never know of sweeps.
//! - [`plan`]: `Spec` and facts → trials with keys and rate tables. Pure; must never look at the store.
//! - [`engine`]: the scheduler as a state machine. Pure; must never read a clock or do what it decides.
//! - [`daemon`]: the one loop that waits, steps the engine, commits, applies; the socket through which commands reach
//!   it, and their side of it. Must never decide.
//! - [`executor`]: where attempts run; turns actions into processes and their output into events. Must never write
//!   the store.
//! - [`process`]: process groups, limits, signals, reaping, line framing. The only room that names nix. Must never know
//!   what a message means.
//! - [`runner`]: the worker for programs of the user's own, single-threaded. Must never know what a result means.
//! - [`device`]: what can be leased: processor cores and GPUs, as the system, NVML and the variables for GPUs say.
//!   The only room that names NVML. Must never know of trials.
//! - [`store`]: SQLite, one writer, typed reads. The only room that names rusqlite. Must never compute a
//!   statistic.
//! - [`cost`]: prices, what training costs and will cost, the statistics behind a saving. Pure; must never know a row of the store.
//! - [`answer`]: rows of the store → which settings were chosen, what it cost, what a smaller budget would save. Pure;
//!   must never say it in words.
//! - [`report`]: rows → text. Pure; the only room that names comfy-table. Must never query.
//!
//! Beside this crate: `workers/wire` (what scheduler and worker say), `workers/graph` (ONNX model → training
//! graph), `workers/kernels` (what of it a processor computes with code of this project), `workers/trainer` (the worker, the only user of `ort`), `workers/python` (what a program of the user's own
//! imports). `tests/tidy.rs` holds the arrows.

pub mod answer;
pub mod cli;
pub mod cost;
pub mod daemon;
pub mod device;
pub mod engine;
pub mod executor;
pub mod plan;
pub mod process;
pub mod report;
pub mod runner;
pub mod schedule;
pub mod spec;
pub mod store;
