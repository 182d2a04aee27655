//! Races: the same work done by several runners, in turns, in batches so short that a busy machine
//! mostly lets them through.
//!
//! One number says little on a shared machine, so none is claimed: what counts is how two runners
//! compare within one round, as the median over all rounds, with its quartiles. The order changes
//! from round to round. Each runner gives a number for each turn, which is summed and checked: work
//! that was optimised away or that read a wrong value fails the race.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one batch should take: far more than reading the clock, far less than a scheduler's
/// slice.
const BATCH: Duration = Duration::from_micros(20);

/// One batch of a runner, which times its work and nothing around it.
#[derive(Debug)]
pub struct Batch {
    turns: u64,
    took: Duration,
}

impl Batch {
    /// Does `work` over and over, and times it. Each turn must give `expected`.
    ///
    /// # Panics
    /// If a turn gave something else.
    #[inline(always)]
    pub fn time(&mut self, expected: u64, mut work: impl FnMut() -> u64) {
        let mut sum = 0_u64;
        let start = Instant::now();
        for _ in 0..self.turns {
            sum = sum.wrapping_add(black_box(work()));
        }
        self.took = start.elapsed();
        // A copy, for what is compared lies in memory, and `sum` is to stay in a register.
        let all = sum;
        assert_eq!(all, expected.wrapping_mul(self.turns), "a turn gave a wrong value");
    }
}

struct Runner<'a> {
    name: String,
    run: Box<dyn FnMut(&mut Batch) + 'a>,
    turns: u64,
    nanos: Vec<f64>,
}

impl Runner<'_> {
    fn batch(&mut self) -> f64 {
        let mut batch = Batch { turns: self.turns, took: Duration::ZERO };
        (self.run)(&mut batch);
        batch.took.as_secs_f64() * 1e9 / self.turns as f64
    }

    /// Finds how many turns make a batch.
    fn warm_up(&mut self) {
        for _ in 0..3 {
            let nanos = (0..5).map(|_| self.batch()).fold(f64::INFINITY, f64::min);
            self.turns = ((BATCH.as_nanos() as f64 / nanos.max(0.01)) as u64).clamp(4, 1 << 20);
        }
    }
}

/// Runners that do the same work.
#[derive(Default)]
pub struct Race<'a> {
    runners: Vec<Runner<'a>>,
}

impl<'a> Race<'a> {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more runner. `run` prepares, calls [`Batch::time`] once, and tidies up.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn runner(&mut self, name: impl Into<String>, run: impl FnMut(&mut Batch) + 'a) {
        let name = name.into();
        assert!(self.runners.iter().all(|runner| runner.name != name), "{name} runs already");
        self.runners.push(Runner { name, run: Box::new(run), turns: 4, nanos: Vec::new() });
    }

    /// Lets all run, as many rounds as fit into `time`, but 30 at the least.
    pub fn run(mut self, time: Duration) -> Times {
        self.runners.iter_mut().for_each(Runner::warm_up);
        let (start, number) = (Instant::now(), self.runners.len());
        let mut round = 0;
        while number > 0 && (round < 30 || start.elapsed() < time) {
            for turn in 0..number {
                // Each has each neighbour before it in some round.
                let at =
                    if round % 2 == 0 { turn + round } else { number * 2 + round - turn } % number;
                let nanos = self.runners[at].batch();
                self.runners[at].nanos.push(nanos);
            }
            round += 1;
        }
        Times(self.runners.into_iter().map(|runner| (runner.name, runner.nanos)).collect())
    }
}

/// How long each runner took for a turn, in each round.
#[derive(Debug)]
pub struct Times(Vec<(String, Vec<f64>)>);

impl Times {
    fn of(&self, name: &str) -> &[f64] {
        let times = self.0.iter().find(|(runner, _)| runner == name);
        &times.unwrap_or_else(|| panic!("{name} did not run")).1
    }

    /// Nanoseconds for a turn.
    pub fn nanos(&self, name: &str) -> Spread {
        Spread::of(self.of(name).to_vec())
    }

    /// How much longer `name` takes than `other`, compared within each round.
    pub fn ratio(&self, name: &str, other: &str) -> Spread {
        Spread::of(
            self.of(name).iter().zip(self.of(other)).map(|(ours, theirs)| ours / theirs).collect(),
        )
    }

    /// The runners, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

/// A median and its quartiles.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// A quarter of the rounds is below.
    pub low: f64,
    /// Half of them are.
    pub median: f64,
    /// Three quarters are.
    pub high: f64,
}

impl Spread {
    /// Of these figures.
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |part: f64| figures[((figures.len() - 1) as f64 * part).round() as usize];
        Spread { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}
