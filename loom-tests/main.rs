//! Models of what happens between threads, each with a control that must fail.
//!
//! `RUSTFLAGS="--cfg stackholm_loom" cargo test --release --test loom`. A model runs a few
//! operations on two or three threads in every order that loom tells apart, over the engine as it
//! is. A control runs the same model with one site of the engine weakened ([`Site`]): an ordering
//! relaxed, or a step left out. What is not modelled, and what covers it instead, is in `README.md`
//! beside this file, with the table of all sites.
#![cfg(stackholm_loom)]

mod batches;
mod board;
mod cancel;
mod cells;
mod combine;
mod counts;
mod drops;
mod ends;
mod executor;
mod globals;
mod handover;
mod hidden;
mod once;
mod reach;
mod reentry;
mod runtime;
mod shared;
mod shorten;
mod support;
mod table;
mod tasks;
mod weaken;
