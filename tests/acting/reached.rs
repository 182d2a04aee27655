//! What programs have met, counted, so that they cannot pass by doing nothing.

use crate::exchange::EXCHANGES;
use crate::operations::OPERATIONS;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How often something happened, on any thread.
pub(crate) struct Count {
    what: &'static str,
    times: AtomicU64,
}

impl Count {
    pub(crate) const fn new(what: &'static str) -> Count {
        Count { what, times: AtomicU64::new(0) }
    }

    /// It happened once more. Relaxed, as all here: it is no edge between threads that could hide
    /// the lack of one in the library.
    pub(crate) fn add(&self) {
        self.times.fetch_add(1, Relaxed);
    }

    pub(crate) fn times(&self) -> u64 {
        self.times.load(Relaxed)
    }
}

pub(crate) static VALUE_ACTS: Count = Count::new("a value acts as it is dropped");
pub(crate) static VALUE_ACTS_LAST: Count = Count::new("a value acts as its thread ends");
pub(crate) static VALUE_PANICS: Count = Count::new("a value panics as it is dropped");
pub(crate) static DEFAULT_ACTS: Count = Count::new("a default acts");
pub(crate) static READ_ACTS: Count = Count::new("a closure acts while it reads");
pub(crate) static TURN_ACTS: Count = Count::new("a closure acts on a stack of its own");
pub(crate) static FUTURE_ACTS: Count = Count::new("a future acts that was polled before");
pub(crate) static PANIC_CAUGHT: Count = Count::new("a panic is caught");
pub(crate) static OUT_OF_ORDER: Count = Count::new("a guard is left before one entered later");
pub(crate) static LEFT_LATE: Count = Count::new("a guard is left on another stack than its own");
pub(crate) static WEAK_RISES: Count = Count::new("a weak context rises");
pub(crate) static SET_ANEW: Count = Count::new("a turn sets a large value anew");
pub(crate) static STACK_SENT: Count = Count::new("a stack runs on another thread");
pub(crate) static FROM_ANOTHER: Count = Count::new("a thread gets what another one gave");
pub(crate) static ALLOCATOR_ACTS: Count = Count::new("the allocator acts");

const MET: [&Count; 13] = [
    &VALUE_ACTS,
    &VALUE_ACTS_LAST,
    &VALUE_PANICS,
    &DEFAULT_ACTS,
    &READ_ACTS,
    &TURN_ACTS,
    &FUTURE_ACTS,
    &PANIC_CAUGHT,
    &OUT_OF_ORDER,
    &LEFT_LATE,
    &WEAK_RISES,
    &SET_ANEW,
    &STACK_SENT,
];

fn all(several_threads: bool, allocator_acts: bool) -> impl Iterator<Item = &'static Count> {
    let operations = OPERATIONS.iter().map(|operation| &operation.count);
    let exchanges = EXCHANGES.iter().map(|exchange| &exchange.count).chain([&FROM_ANOTHER]);
    let exchanges = exchanges.filter(move |_| several_threads);
    let allocator = [&ALLOCATOR_ACTS].into_iter().filter(move |_| allocator_acts);
    operations.chain(MET).chain(exchanges).chain(allocator)
}

/// Begins to count anew.
pub(crate) fn forget_all() {
    all(true, true).for_each(|count| count.times.store(0, Relaxed));
}

/// Prints how often each thing happened, and returns those that never did.
pub(crate) fn never(several_threads: bool, allocator_acts: bool) -> Vec<&'static str> {
    let counts = all(several_threads, allocator_acts);
    counts
        .inspect(|count| println!("{:8} times: {}", count.times(), count.what))
        .filter(|count| count.times() == 0)
        .map(|count| count.what)
        .collect()
}
