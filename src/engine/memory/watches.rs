//! Whether somebody watches, and since when, with the feature `inspect`.

use crate::sys::{OnceLock, Ordering::*, Site, StaticAtomicUsize, ordering};
use std::time::Instant;

/// How many watch, and above [`MANY`] how often somebody began to when nobody did.
static WATCHES: StaticAtomicUsize = StaticAtomicUsize::new(0);

/// No program has so many guards at once.
const MANY: usize = 1 << 12;

/// Whether somebody watches.
#[inline]
pub(crate) fn is_watching() -> bool {
    watches() % MANY != 0
}

/// The number of the time that somebody watches for.
pub(crate) fn generation() -> usize {
    watches() / MANY
}

#[inline]
fn watches() -> usize {
    // Relaxed: it says only "worth a note". What is noted has an order of its own.
    WATCHES.load(ordering(Site::WatchLook, Relaxed))
}

/// One more watches.
pub(crate) fn begin() {
    now();
    turn(|watches| watches + 1 + if watches % MANY == 0 { MANY } else { 0 });
}

/// One watches no more.
pub(crate) fn end() {
    turn(|watches| watches - 1);
}

fn turn(f: impl Fn(usize) -> usize) {
    let f = |watches| Some(f(watches));
    // Relaxed: see `watches`.
    let _ = WATCHES.fetch_update(ordering(Site::WatchTurn, Relaxed), Relaxed, f);
}

/// Milliseconds since somebody watched for the first time.
pub(crate) fn now() -> usize {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let elapsed = FIRST.get_or_init(Instant::now).elapsed();
    // Not by way of 128 bits.
    (elapsed.as_secs() as usize).wrapping_mul(1000) + elapsed.subsec_millis() as usize
}
