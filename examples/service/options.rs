//! The command line.

use super::fate::Fault;
use clap::Parser;
use std::time::Duration;

/// How many requests to make if nobody says.
const REQUESTS: u64 = 48_000;

/// How long to go on beginning rounds if nobody says how many requests to make.
const PATIENCE: Duration = Duration::from_secs(12);

/// A real HTTP service whose requests carry ten variables through every hop: tasks, the blocking pool, threads,
/// streamed bodies. Each hop compares what it sees with what the headers said.
#[derive(Clone, Debug, Parser)]
#[command(name = "service", version)]
pub(crate) struct Options {
    /// How many requests to make, over all three ways of carrying [default: 48000, or what 12 seconds allow]
    #[arg(long)]
    pub(crate) requests: Option<u64>,

    /// How many of them at a time [default: 32, and 200 with --chaos]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: Option<u16>,

    /// What the requests are made from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// In how many rounds the three ways take turns
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,

    /// Leave the service running, for curl
    #[arg(long)]
    pub(crate) serve: bool,

    /// Instead of comparing: cancel, panic, read slowly, drop connections, shut down, all at once and for a time
    #[arg(long, conflicts_with_all = ["serve", "requests", "rounds"])]
    pub(crate) chaos: bool,

    /// For how many seconds
    #[arg(long, default_value_t = 60, requires = "chaos")]
    pub(crate) seconds: u64,

    /// Do something wrong in one request, to see that it is noticed
    #[arg(long, hide = true, conflicts_with_all = ["serve", "chaos"])]
    pub(crate) plant_fault: Option<Fault>,
}

impl Options {
    /// How many requests to make at most.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.unwrap_or(REQUESTS)
    }

    /// How many clients there are at a time.
    pub(crate) fn clients(&self) -> u16 {
        self.concurrency.unwrap_or(if self.chaos { 200 } else { 32 })
    }

    /// How long to go on beginning rounds.
    pub(crate) fn patience(&self) -> Duration {
        if self.requests.is_some() { Duration::MAX } else { PATIENCE }
    }
}
