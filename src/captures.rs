//! Where contexts were captured inside a piece that a test watches, in debug builds.
//!
//! The witness is a binding: whatever is captured where it is visible keeps it alive, and is noted
//! in it. Contexts are noted by weak handles, so that being noted keeps no value.

use crate::engine::{Snapshot, WeakSnapshot};
use crate::error::Place;
use crate::sys::{Arc, Mutex, PoisonError, Tally};
use crate::var::Var;
use alloc::vec;
use alloc::vec::Vec;

/// So many are noted; there is room for them from the start, since nothing may be allocated under
/// the lock.
const MOST: usize = 1024;

pub(crate) struct Captures(Mutex<Vec<(WeakSnapshot, Place)>>);

/// What is kept by whatever is captured in a piece that is watched.
pub(crate) static WITNESS: Var<Arc<Captures>> = Var::new("witness of stackholm::testing");

/// How many pieces are watched.
static WATCHED: Tally = Tally::new();

/// Notes that a context was captured at that place.
#[inline]
pub(crate) fn note(link: Option<&Snapshot>, place: Place) {
    if WATCHED.is_on() {
        note_slowly(link, place);
    }
}

#[cold]
fn note_slowly(link: Option<&Snapshot>, place: Place) {
    let Some((link, captures)) = link.and_then(|link| Some((link, link.get(WITNESS.key())?)))
    else {
        return;
    };
    let weak = link.downgrade();
    let mut noted = captures.0.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.len() < noted.capacity() {
        noted.push((weak, place));
    }
}

/// A witness, and that there is one.
pub(crate) struct Witness(pub(crate) Arc<Captures>);

impl Witness {
    pub(crate) fn new() -> Self {
        let room = if cfg!(debug_assertions) { MOST } else { 0 };
        let witness = Witness(Arc::new(Captures(Mutex::new(Vec::with_capacity(room)))));
        WATCHED.more();
        witness
    }

    /// Whether something that was captured is alive.
    pub(crate) fn is_kept(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// What was captured and is alive, each point once, with the places where it was. A point that
    /// is kept by another one, further in on the same chain, is left out.
    pub(crate) fn alive(&self) -> Vec<(Snapshot, Vec<Place>)> {
        let noted = core::mem::take(&mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut alive: Vec<(Snapshot, Vec<Place>)> = Vec::new();
        for (link, place) in
            noted.iter().filter_map(|(weak, place)| Some((weak.upgrade()?, *place)))
        {
            match alive.iter_mut().find(|(known, _)| known.ptr_eq(&link)) {
                Some((_, places)) if places.contains(&place) => {}
                Some((_, places)) => places.push(place),
                None => alive.push((link, vec![place])),
            }
        }
        let links: Vec<Snapshot> = alive.iter().map(|(link, _)| link.clone()).collect();
        alive.retain(|(link, _)| !links.iter().any(|inner| inner.keeps(link)));
        alive
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        WATCHED.less();
    }
}
