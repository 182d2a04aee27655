//! Whether somebody watches, and since when, with the feature `inspect`.

use crate::sys::{OnceLock, Ordering::*, Site, StaticAtomicUsize, milliseconds, ordering};

/// How many watch, and above [`MANY`] how often somebody began to when nobody did.
static WATCHES: StaticAtomicUsize = StaticAtomicUsize::new(0);

/// One more than the guards that there may be at once: the lower half of the word counts them. The
/// upper half may wrap around, since a record is taken off when its stack or value ends: one with an
/// old number that comes again still describes what is there.
const MANY: usize = 1 << (usize::BITS / 2);

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

/// One more watches. Says whether that many may.
pub(crate) fn begin() -> bool {
    now();
    turn(|watches| match watches % MANY {
        0 => Some(watches.wrapping_add(MANY + 1)),
        number => (number + 1 < MANY).then_some(watches + 1),
    })
}

/// One watches no more.
pub(crate) fn end() {
    turn(|watches| Some(watches - 1));
}

fn turn(f: impl Fn(usize) -> Option<usize>) -> bool {
    // Relaxed: see `watches`.
    WATCHES.fetch_update(ordering(Site::WatchTurn, Relaxed), Relaxed, f).is_ok()
}

/// Milliseconds since somebody watched for the first time.
pub(crate) fn now() -> usize {
    static FIRST: OnceLock<usize> = OnceLock::new();
    let first = *FIRST.get_or_init(milliseconds);
    milliseconds().wrapping_sub(first)
}
