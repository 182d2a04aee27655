//! Larger programs over the engine as it is, in schedules that are chosen by chance.
//!
//! `RUSTFLAGS="--cfg stackholm_shuttle" cargo test --release --test shuttle`. Each scenario is run
//! in a number of schedules, and each has controls: the same with one step of the engine left out
//! ([`Site`](stackholm::proof::Site)), which must fail. How a failure is run again is in
//! `README.md` beside this file.
#![cfg(stackholm_shuttle)]

mod batches;
mod cells;
mod ends;
#[path = "../loom-tests/executor.rs"]
mod executor;
mod handover;
mod oracle;
mod programs;
mod reentry;
mod support;
mod table;
mod tasks;
mod variables;
mod weak;
