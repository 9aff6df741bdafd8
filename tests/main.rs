//! All integration tests, in one binary: linking takes longer than running most of them.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on has failed")]

mod cli;
mod daemon;
mod gpu;
mod process;
mod scheduler;
mod store;
mod tidy;
mod train;
