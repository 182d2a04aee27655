//! What is bound in the races: 1 056 small numbers, as each system wants them declared.

use opentelemetry::{Context, ContextGuard};
use stackholm::{Entered, Shared, Var};

/// How many variables there are, besides one that nobody ever binds.
pub const MOST: usize = 1056;

/// Ours: statics.
pub static VARS: [Var<u64>; MOST] = [const { Var::new("number") }; MOST];

/// Never bound.
pub static ABSENT: Var<u64> = Var::new("absent");

/// Never bound, and the process has a value of it once [`touch`] was called.
pub static GLOBAL: Var<u64> = Var::new("global");

/// Never bound, with a default.
pub static DEFAULT: Var<u64> = Var::with_default("default", || value(3));

/// A cell beside the variables.
pub static SHARED: Shared<u64> = Shared::new(|| value(3));

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
/// The one that is never bound again comes between the 40th and the 41st: late enough to be no
/// special case, early enough not to share a place in the index with one of the first eight.
/// [`VARS`]\[32\] does share one with the first.
pub fn touch() {
    for (i, var) in VARS.iter().enumerate() {
        if i == 40 {
            drop(ABSENT.enter(0));
        }
        drop(var.enter(value(i)));
    }
    GLOBAL.set_global(value(3));
}

fn attach<const N: usize>() -> ContextGuard {
    Context::map_current(|context| context.with_value(Number::<N>(value(N)))).attach()
}

/// An array of one function, made for each number up to [`MOST`].
#[macro_export]
macro_rules! numbered {
    ($made:ident) => {
        $crate::numbered!(@ $made
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
    };
    (@ $made:ident $($block:literal)*) => {
        $crate::numbered!(@@ $made $([$block 0] [$block 4] [$block 8] [$block 12]
            [$block 16] [$block 20] [$block 24] [$block 28])*)
    };
    (@@ $made:ident $([$block:literal $four:literal])*) => {
        [$(
            $made::<{ $block * 32 + $four }>,
            $made::<{ $block * 32 + $four + 1 }>,
            $made::<{ $block * 32 + $four + 2 }>,
            $made::<{ $block * 32 + $four + 3 }>,
        )*]
    };
}

static NUMBERS: [fn() -> ContextGuard; MOST] = numbered!(attach);

/// Binds the type of that number.
pub fn otel_at(number: usize) -> ContextGuard {
    NUMBERS[number]()
}
