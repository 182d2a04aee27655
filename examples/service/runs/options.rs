//! The command line.

use super::carriers::way::Way;
use super::oracle::scenario::Planted;
use super::split::spoil::WireFault;
use clap::Parser;
use std::time::Duration;

/// A real HTTP service whose requests carry ten variables through every boundary that work can
/// cross: tasks, threads, pools, rayon, layers, executors, streams, bodies. Each hop compares what
/// it sees with what the headers said.
#[derive(Clone, Debug, Parser)]
#[command(name = "service", version)]
pub(crate) struct Options {
    /// How many requests to make, the long way and in the comparison [default: 6000 and 60000, or
    /// what 22 seconds allow]
    #[arg(long)]
    pub(crate) requests: Option<u64>,

    /// How many requests are under way at a time [default: 32, and 200 with --chaos]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: Option<u16>,

    /// The seed that the requests are made from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many rounds the comparison has; in each, every way of carrying runs once
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,

    /// Only compare the ways of carrying
    #[arg(long, conflicts_with_all = ["serve", "chaos", "plant_fault"])]
    pub(crate) compare: bool,

    /// Compare only these ways of carrying: two to measure those more closely, one for a profiler
    #[arg(long, requires = "compare", value_delimiter = ',')]
    pub(crate) only: Vec<Way>,

    /// Make the requests of each round twice, once while somebody looks once a second at all that
    /// is in flight, to see what that costs
    #[arg(long, requires = "compare")]
    pub(crate) looked_at: bool,

    /// Leave the service running, for curl
    #[arg(long)]
    pub(crate) serve: bool,

    /// With --serve: show what is in flight and what was left, at /debug/stackholm
    #[arg(long, requires = "serve")]
    pub(crate) inspect: bool,

    /// Instead cancel, panic, read slowly, drop connections and shut down, all at once, for some
    /// seconds or some number of requests
    #[arg(long, conflicts_with_all = ["serve", "rounds"])]
    pub(crate) chaos: bool,

    /// For how many seconds
    #[arg(long, default_value_t = 60, requires = "chaos", conflicts_with = "requests")]
    pub(crate) seconds: u64,

    /// Plant a fault in one request, to see that it is noticed: wrong, lost or leak, or for example
    /// lost-at-rayon-join
    #[arg(long, conflicts_with_all = ["serve", "chaos"])]
    pub(crate) plant_fault: Option<Planted>,

    /// Instead run two processes: a front that calls a back over HTTP and gRPC; both compare what
    /// they see with what was sent. With --chaos the back is slow, dies, and answers with garbage
    #[arg(long, group = "two", conflicts_with_all = ["serve", "compare", "rounds", "plant_fault"])]
    pub(crate) split: bool,

    /// Plant a fault between the two processes, to see that it is noticed
    #[arg(long, requires = "two")]
    pub(crate) plant_wire_fault: Option<WireFault>,

    /// Be the back; its front starts it
    #[arg(long, hide = true, group = "two")]
    pub(crate) back: bool,
}

impl Options {
    /// How many requests to make at most.
    pub(crate) fn requests(&self, usual: u64) -> u64 {
        self.requests.unwrap_or(usual)
    }

    /// Whether a way of carrying is to be compared.
    pub(crate) fn compares(&self, way: Way) -> bool {
        self.only.is_empty() || self.only.contains(&way)
    }

    /// How many clients there are at a time.
    pub(crate) fn clients(&self) -> u16 {
        self.concurrency.unwrap_or(if self.chaos { 200 } else { 32 })
    }

    /// How long to go on, if nobody says how many requests to make.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        if self.requests.is_some() { Duration::MAX } else { usual }
    }
}
