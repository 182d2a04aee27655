//! Where contexts were captured in the code that a test watches, in debug builds.
//!
//! The witness is a binding: a context that is captured where it is visible keeps it alive, and is
//! recorded in it, by a weak handle that keeps no value alive.

use crate::engine::{Snapshot, WeakSnapshot};
use crate::error::Place;
use crate::sys::{Arc, Mutex, PoisonError, Tally};
use crate::var::Var;
use alloc::vec;
use alloc::vec::Vec;

/// The most captures that a witness records. The room is allocated at the start, since nothing may
/// be allocated under the lock.
const MOST: usize = 1024;

pub(crate) struct Captures(Mutex<Vec<(WeakSnapshot, Place)>>);

/// The variable to which a witness is bound.
pub(crate) static WITNESS: Var<Arc<Captures>> = Var::new("witness of stackholm::testing");

/// How many witnesses there are.
static WATCHED: Tally = Tally::new();

/// Records that a context was captured at that place.
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

/// A witness, which counts as one of [`WATCHED`].
pub(crate) struct Witness(pub(crate) Arc<Captures>);

impl Witness {
    pub(crate) fn new() -> Self {
        let room = if cfg!(debug_assertions) { MOST } else { 0 };
        let witness = Witness(Arc::new(Captures(Mutex::new(Vec::with_capacity(room)))));
        WATCHED.more();
        witness
    }

    /// Whether a captured context is still alive.
    pub(crate) fn is_kept(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The captured contexts that are alive, each frame once, with the places of its captures.
    /// Leaves out a frame that is an ancestor of another one of the list.
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
