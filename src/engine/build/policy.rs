//! When a chain is shortened: one policy for every way in which a frame is made.
//!
//! A chain can grow beyond the variables that it shows: by checkpoints that bind nothing, and by
//! bindings that hide values which need no drop. (A frame that hides a value which needs a drop
//! does not keep it: see `reclaim/base.rs`.) Once the chain has grown well beyond its variables,
//! one frame now and then writes a full index and counts what it shows instead of its parent.

use crate::engine::memory::frame::Frame;
use crate::sys::{MODELLED, thread_slot};
use core::cell::Cell;

/// In a model the third binding of one variable already writes a full index.
const SLOPE: u32 = if MODELLED { 1 } else { 2 };
const SLACK: u32 = if MODELLED { 1 } else { 32 };

/// Whether so many frames are well beyond the variables they show, so that it is time to shorten
/// the chain.
///
/// A new index of `entries` variables is written at most once for twice as many frames and 32 more:
/// a constant for each frame. The cap keeps the numbers in 16 bits; beyond it each frame pays
/// `entries` / 32 768 words.
#[inline]
pub(in crate::engine) fn outgrown(frames: u16, entries: u32) -> bool {
    u32::from(frames) >= (SLOPE * entries.min(u32::MAX / 4) + SLACK).min(1 << 15)
}

/// Whether the frame above `from` is to shorten the chain.
///
/// Many frames may be built on one outgrown chain, as the frames of all requests are. If each of
/// them shortened it, each would pay for all that is visible. So one frame in `entries / 2` does,
/// chosen by chance, and on average a frame pays for two entries. With a counter instead of chance,
/// a loop whose length divides it would never shorten.
pub(in crate::engine) fn is_time(from: &Frame) -> bool {
    outgrown(from.segment, from.root.entries) && is_its_turn(from.root.entries)
}

fn is_its_turn(entries: u32) -> bool {
    let turns = u64::from(entries / 2);
    MODELLED || turns <= 1 || (u64::from(random()) * turns) >> 32 == 0
}

thread_slot! {
    static RANDOM: Cell<u32> = Cell::new(0x9E37_79B9);
}

/// A number by chance: Marsaglia's xorshift, which is enough not to keep step with a loop.
fn random() -> u32 {
    let next = |state: &Cell<u32>| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        state.set(x);
        x
    };
    RANDOM.try_with(next).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_in_half_the_entries_shortens_whatever_the_rhythm() {
        for entries in 1..=64_u32 {
            for rhythm in 1..=4 {
                let turns = (0..8192).filter(|_| {
                    (0..rhythm).map(|_| is_its_turn(entries)).next_back() == Some(true)
                });
                let (found, expected) = (turns.count() as u32, 8192 / (entries / 2).max(1));
                assert!(
                    found > expected / 2 && found < expected * 2,
                    "{entries} {rhythm}: {found}, not {expected}"
                );
            }
        }
    }
}
