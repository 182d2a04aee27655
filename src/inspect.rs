//! A view into a running process, from inside: what was left behind, and what there is now.
//!
//! With the feature `inspect`. Nothing is noted until somebody [watches](watch); from then on
//! until the last guard is gone the library notes what a look may ask for.
//!
//! | asked | answer |
//! |---|---|
//! | which threads, tasks, streams, jobs and stacks are there, who opened them, and what is bound there? | [`View::stacks`] |
//! | which bindings does a context keep although their stack has left them, and who captured it? | [`View::outlived`] |
//! | which bindings of [`Context::with`] have not ended? | [`View::derived`] |
//! | what does this context keep without showing it? | [`pinned`] |
//! | which checkpoints were not left by their own guards? | [`View::unclosed`] |
//! | which guards were misused, and how often? | [`View::misuses`] |
//!
//! A look takes no lock, and runs none of your code while it has anything. Records are words that
//! their owners write and the look copies; one that changes meanwhile is left out. Of a stack that
//! is idle it also copies the names: if its turn comes just then, that waits for the copy. A stack
//! that is running, or hangs, is shown by its record alone. Values are in a view only if they
//! [were asked for](Look::values) and their variable was declared [`shown`](crate::Var::shown).
//!
//! # Examples
//! ```
//! use stackholm::{Context, Var, inspect};
//!
//! static GUEST: Var<String> = Var::new("guest");
//!
//! let _watching = inspect::watch();
//! let kept = GUEST.sync_scope("ada".into(), || Context::current());
//! let view = inspect::look();
//! let outlived = view.outlived().iter().find(|outlived| outlived.name() == "guest").unwrap();
//! assert_eq!(outlived.bound_at().file(), outlived.captured_at().unwrap().file());
//! println!("{view}");
//!
//! drop(kept);
//! assert!(inspect::look().outlived().iter().all(|outlived| outlived.name() != "guest"));
//! ```
//!
//! # Outputs
//!
//! A view is plain data that can be sent and kept. It displays itself as text, for logs, panics and
//! signals; [`View::to_json`] and [`View::to_openmetrics`] are for programs. With the feature
//! `inspect-axum`, `routes` is a page of it, to be mounted behind your own authentication.
//!
//! # Cost
//!
//! | | |
//! |---|---|
//! | without the feature | nothing |
//! | with it, while nobody watches | a word for each binding, four for each stack and three for each envelope; a load and a branch where a stack is opened or runs, and where a binding that was captured is left |
//! | while somebody watches | a record of eleven words for each stack, an atomic exchange for each poll, and a record of eleven words for each binding that outlives its stack, or that [`Context::with`] makes |
//! | a look | O(stacks and records); of the [oldest stacks](Look::limit) also what is bound there |
//!
//! Where somebody watches, a poll of a future that was handed over costs some 20 ns more, and to hand
//! one over some 90 ns more; another 30 ns each where the clock is the standard library's. A look at
//! 100 000 tasks with a scope in each takes a fifth of a second, and one to four seconds with their
//! values, since the `Debug` of each is called (`benches/inspect.rs`, on one machine of two cores, whose
//! speed is not the same each day). Records have the room of the most that there ever were. There is no
//! history. Ages are exact to ten milliseconds: on Linux and Android they come from a clock that costs
//! little to read.

mod groups;
mod json;
mod metrics;
mod options;
#[cfg(feature = "inspect-axum")]
mod page;
mod stacks;
mod text;
mod value;
mod view;

pub use groups::Group;
pub use options::Look;
#[cfg(feature = "inspect-axum")]
pub use page::routes;
pub use stacks::{BindingView, CheckpointView, Kind, StackView, State};
pub use view::{Derived, Outlived, Pinned, Unclosed, View};

use crate::context::Context;
use crate::engine::{listed, seen, watches};
use std::borrow::Cow;

/// Watches until the guard is dropped. Several may, of whatever threads.
#[must_use = "it watches until this is dropped; bind it to a name"]
#[derive(Debug)]
pub struct Watching(());

/// Begins to watch.
///
/// # Panics
/// Where the standard library has no clock, as on `wasm32-unknown-unknown`; and if four billion watch
/// already, or 65 535 where a word has 32 bits.
pub fn watch() -> Watching {
    assert!(watches::begin(), "more watch than can be counted");
    seen::make_room();
    Watching(())
}

impl Drop for Watching {
    fn drop(&mut self) {
        watches::end();
    }
}

impl Watching {
    /// Fails if a binding outlives its stack, in the whole process: for the end of a program, or of
    /// a test that runs alone. Beside other tests,
    /// [`assert_nothing_left`](crate::testing::assert_nothing_left) looks at one piece.
    ///
    /// # Panics
    /// If there is one. The message is the list.
    #[track_caller]
    pub fn assert_nothing_outlived(&self) {
        let view = look();
        assert!(view.outlived().is_empty(), "{view}");
    }
}

/// Whether somebody watches.
pub fn is_watching() -> bool {
    watches::is_watching()
}

/// What there is now; as [`Look::look`] by default. Empty if nobody watches.
pub fn look() -> View {
    Look::new().look()
}

/// The number of this thread, by which [`State::Running`] names it.
pub fn this_thread() -> u64 {
    listed::thread_number() as u64
}

/// The number of the stack that is current here; `None` if it is not listed.
pub fn this_stack() -> Option<u64> {
    let current = listed::current();
    (current != 0).then_some(current as u64)
}

/// What a context keeps without showing it: bindings that a later one, or a mask, hides. See [what a
/// context keeps](crate#what-a-context-keeps); [`Context::trimmed`] keeps none of them. In time
/// proportional to what was bound on the way there. Needs no watch.
///
/// # Examples
/// ```
/// use stackholm::{Context, Var, inspect};
///
/// static PAGE: Var<u32> = Var::new("page");
///
/// let context = Context::empty().with(&PAGE, 1).with(&PAGE, 2);
/// // A number needs no drop, so it is kept as that is cheapest.
/// assert_eq!(inspect::pinned(&context)[0].name(), "page");
/// assert!(inspect::pinned(&context.trimmed()).is_empty());
/// ```
pub fn pinned(context: &Context) -> Vec<Pinned> {
    let mut all = Vec::new();
    if let Some(link) = context.link() {
        link.pinned(&mut |name, place| {
            all.push(Pinned::new(Cow::Owned(name.to_owned()), place));
        });
    }
    all
}
