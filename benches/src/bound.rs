//! What is bound in the races: 1 024 small numbers, as each system wants them declared.

use opentelemetry::{Context, ContextGuard};
use stackholm::{Entered, Var};

/// How many variables there are, besides one that nobody ever binds.
pub const MOST: usize = 1024;

/// Ours: statics.
pub static VARS: [Var<u64>; MOST] = [const { Var::new("number") }; MOST];

/// Never bound.
pub static ABSENT: Var<u64> = Var::new("absent");

/// OpenTelemetry's: a type for each.
#[derive(Clone, Copy, Debug)]
pub struct Number<const N: usize>(pub u64);

/// Never bound.
#[derive(Clone, Copy, Debug)]
pub struct Absent(pub u64);

/// The value that is bound to the variable with that number.
pub const fn value(number: usize) -> u64 {
    number as u64 + 7
}

/// Binds the first `number` variables; drop the guards from the last to the first.
pub fn ours(number: usize) -> Guards<Entered> {
    Guards(VARS.iter().enumerate().take(number).map(|(i, var)| var.enter(value(i))).collect())
}

/// Binds the first `number` types, each by its own `with_value` and `attach`.
pub fn otel(number: usize) -> Guards<ContextGuard> {
    Guards(NUMBERS[..number].iter().map(|attach| attach()).collect())
}

/// Guards, dropped from the last one to the first.
#[derive(Debug)]
pub struct Guards<G>(pub Vec<G>);

impl<G> Drop for Guards<G> {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// Gives each variable its id, as a program does that has bound all of them once.
///
/// The one that is never bound again comes between the 40th and the 41st: late enough to be no special case, early
/// enough not to share a place in the index with one of the first eight. [`VARS`]\[32\] does share one with the
/// first.
pub fn touch() {
    for (i, var) in VARS.iter().enumerate() {
        if i == 40 {
            drop(ABSENT.enter(0));
        }
        drop(var.enter(value(i)));
    }
}

fn attach<const N: usize>() -> ContextGuard {
    Context::map_current(|context| context.with_value(Number::<N>(value(N)))).attach()
}

macro_rules! numbers {
    ($($thirty_two:literal)*) => {
        [$(
            attach::<{ $thirty_two * 32 }>, attach::<{ $thirty_two * 32 + 1 }>, attach::<{ $thirty_two * 32 + 2 }>,
            attach::<{ $thirty_two * 32 + 3 }>, attach::<{ $thirty_two * 32 + 4 }>, attach::<{ $thirty_two * 32 + 5 }>,
            attach::<{ $thirty_two * 32 + 6 }>, attach::<{ $thirty_two * 32 + 7 }>, attach::<{ $thirty_two * 32 + 8 }>,
            attach::<{ $thirty_two * 32 + 9 }>, attach::<{ $thirty_two * 32 + 10 }>, attach::<{ $thirty_two * 32 + 11 }>,
            attach::<{ $thirty_two * 32 + 12 }>, attach::<{ $thirty_two * 32 + 13 }>, attach::<{ $thirty_two * 32 + 14 }>,
            attach::<{ $thirty_two * 32 + 15 }>, attach::<{ $thirty_two * 32 + 16 }>, attach::<{ $thirty_two * 32 + 17 }>,
            attach::<{ $thirty_two * 32 + 18 }>, attach::<{ $thirty_two * 32 + 19 }>, attach::<{ $thirty_two * 32 + 20 }>,
            attach::<{ $thirty_two * 32 + 21 }>, attach::<{ $thirty_two * 32 + 22 }>, attach::<{ $thirty_two * 32 + 23 }>,
            attach::<{ $thirty_two * 32 + 24 }>, attach::<{ $thirty_two * 32 + 25 }>, attach::<{ $thirty_two * 32 + 26 }>,
            attach::<{ $thirty_two * 32 + 27 }>, attach::<{ $thirty_two * 32 + 28 }>, attach::<{ $thirty_two * 32 + 29 }>,
            attach::<{ $thirty_two * 32 + 30 }>, attach::<{ $thirty_two * 32 + 31 }>,
        )*]
    };
}

static NUMBERS: [fn() -> ContextGuard; MOST] =
    numbers!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
