//! Many variables made at run time, with ids that are known to be far apart or close together.
#![allow(dead_code, reason = "each test uses a part of it")]

use stackholm::{Entered, Var};
use std::sync::{Mutex, PoisonError};

/// Ids are handed out in sequence on first use, so variables used one after the other have ids in a
/// row. Tests of one file take turns here, and have no variables besides.
static TURN: Mutex<()> = Mutex::new(());

/// `count` variables whose ids are `step` apart: 1 for a row, 32 for one slot of a root, 1024 for
/// one of a child.
pub(crate) fn apart(count: usize, step: usize) -> Vec<Var<u64>> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut variables = Vec::with_capacity(count);
    for i in 0..count {
        let var = Var::named(format!("{i}"));
        var.sync_scope(0, || ());
        variables.push(var);
        for _ in 1..step {
            Var::new("between").sync_scope((), || ());
        }
    }
    variables
}

/// Uses them for the first time, so that their ids are in a row.
pub(crate) fn in_a_row(variables: &[Var<u64>]) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    variables.iter().for_each(|var| var.sync_scope(0, || ()));
}

/// Binds them all, each in a scope of its own, to their positions.
pub(crate) fn enter_all(variables: &[Var<u64>]) -> Vec<Entered> {
    variables.iter().enumerate().map(|(i, var)| var.enter(i as u64)).collect()
}

/// Leaves in order, innermost first.
pub(crate) fn leave_all(mut guards: Vec<Entered>) {
    while guards.pop().is_some() {}
}

/// A small source of numbers that look random; the same ones each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        // Xorshift, multiplied (Marsaglia, Vigna): good enough to mix up tests.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.roll(i + 1));
        }
    }
}
