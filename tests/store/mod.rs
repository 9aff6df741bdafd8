//! What the store keeps, what it refuses, and what is read back and reported from it.

#![allow(clippy::unwrap_used, reason = "the lint only knows functions marked `#[test]`")]

mod apply;
mod columnar;
mod held;
mod large;
mod matrix;
mod never_lost;
mod open;
mod query;
mod results;
mod submit;
pub(crate) mod support;
mod table;
pub(crate) mod thousands;
