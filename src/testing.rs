//! For tests of programs: a variable is seen wherever it is asked for, and nothing is left
//! afterwards.
//!
//! | | a closure | a future |
//! |---|---|---|
//! | whoever asks for a variable finds it bound | [`assert_seen`] | [`assert_seen_async`] |
//! | no context that was captured is alive | [`assert_nothing_left`] | [`assert_nothing_left_async`] |
//!
//! Several tests may do this at once: what each watches is bound around its piece, and carried
//! along.
//!
//! ```
//! # static TENANT: stackholm::Var<String> = stackholm::Var::new("tenant");
//! # fn handle() { TENANT.with(|_| ()); stackholm::thread::spawn(|| TENANT.with(|_| ())).join().unwrap() }
//! # async fn serve() { stackholm::tokio::spawn(async { TENANT.with(|_| ()) }).await.unwrap() }
//! use stackholm::testing::{COUNTS, assert_nothing_left, assert_nothing_left_async, assert_seen};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! assert_nothing_left(|| TENANT.sync_scope("acme".into(), handle));
//! assert_nothing_left_async(|| TENANT.scope("acme".into(), serve())).await;
//! if COUNTS {
//!     assert_seen(&TENANT, || TENANT.sync_scope("acme".into(), handle));
//! }
//! # }
//! ```

use crate::captures::{WITNESS, Witness};
use crate::checkpoint::{Checkpoint, Scope};
use crate::context::Context;
use crate::engine::{At, current};
use crate::error::{Missing, Place};
use crate::sys::Arc;
use crate::var::Var;
use crate::watch::{WATCH, Watching};
use std::fmt::Write;
use std::panic::Location;

/// Whether this build of the library counts who asks for a variable: [`assert_seen`] and
/// [`assert_seen_async`] panic where it does not, and a test in an optimised build begins with
/// `if !COUNTS { return }`.
///
/// It does with debug assertions, as in the profiles `dev` and `test`; `debug-assertions = true`
/// gives them to another.
pub const COUNTS: bool = cfg!(debug_assertions);

/// What a piece gives when it has run: anything but a future, which has done nothing yet.
///
/// Of a future there are two answers, and so the compiler cannot infer which one is meant, and
/// refuses it.
pub trait HasRun<Answer> {}

/// The answer for whatever a closure may give.
#[derive(Debug)]
pub enum Yes {}

/// The answer for a future as well: what watches a closure is gone before that is polled.
#[derive(Debug)]
pub enum No {}

impl<R> HasRun<Yes> for R {}

impl<F: Future> HasRun<No> for F {}

/// Runs a piece of the program; fails unless the variable was asked for, and was bound each time.
///
/// Readings on all threads and in all tasks count, until `piece` returns: what it starts must have
/// ended by then. Work that carries the watch of another test counts there; work that carries none,
/// such as what was spawned bare, counts for every test that watches the variable at that time.
///
/// A process-wide value and a default are no binding. [`Var::try_get`] and the like ask, whatever
/// becomes of the answer: `try_get().ok()` in a logger is just the place where a lost hand-over is
/// never noticed. [`Var::is_bound`], [`Var::source`] and contexts look without asking.
///
/// `piece` runs in an open checkpoint of its own.
///
/// # Panics
/// If the variable was not bound where it was asked for, or was never asked for. In builds without
/// debug assertions nobody counts, and it always panics: see [`COUNTS`].
#[track_caller]
pub fn assert_seen<T: Send + Sync + 'static, R, AFutureNeedsTheAsyncForm>(
    var: &Var<T>,
    piece: impl FnOnce() -> R,
) -> R
where
    R: HasRun<AFutureNeedsTheAsyncForm>,
{
    let watching = begin(var);
    let result = Checkpoint::prepare().set(&WATCH, watching.watch()).run(piece);
    check_seen(&watching, "");
    result
}

/// As [`assert_seen`], for a piece that awaits: readings count until the future is done.
///
/// # Panics
/// As [`assert_seen`]; when it is awaited.
#[track_caller]
pub fn assert_seen_async<T: Send + Sync + 'static, F: Future, P: FnOnce() -> F>(
    var: &Var<T>,
    piece: P,
) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        let watching = begin(var);
        let result =
            Checkpoint::prepare().set(&WATCH, watching.watch()).wrap(async { piece().await }).await;
        check_seen(&watching, &format!(" (asserted at {place})"));
        result
    }
}

#[track_caller]
fn begin<T: Send + Sync + 'static>(var: &Var<T>) -> Watching<'_, T> {
    if !COUNTS {
        panic!(
            "only builds with debug assertions count who asks for `{}`: begin the test with \
             `if !stackholm::testing::COUNTS {{ return }}`, or set `debug-assertions = true` in the profile",
            var.name()
        );
    }
    Watching::begin(var)
}

#[track_caller]
fn check_seen<T: Send + Sync + 'static>(watching: &Watching<'_, T>, asserted: &str) {
    let (asked, name) = (watching.asked(), watching.name());
    assert!(asked.found + asked.lost > 0, "nobody asked for the variable `{name}`{asserted}");
    if let Some(latest) = asked.latest {
        let missing = Missing::new(String::from(name).into(), latest);
        let all = asked.found + asked.lost;
        panic!("{} of {all} did not see it, the last since {missing}{asserted}", asked.lost);
    }
}

/// Runs a piece of the program; fails if a context that was captured in it is alive when it has
/// returned, by whomever it is held, or if it left the stack of this thread other than it was.
///
/// What it starts must have ended by then. Contexts that were made from nothing are not counted.
/// `piece` runs in a sealed scope. Other tests may do the same meanwhile.
///
/// # Panics
/// If something is left. With debug assertions the message says how many contexts are alive, where
/// each was captured, and what each shows that was bound in the piece, and where. Of two that lie
/// one within the other the inner one is named. With the feature `inspect` it also says what each
/// keeps and does not show.
///
/// # Examples
/// A piece that awaits is refused here:
/// ```compile_fail,E0282
/// stackholm::testing::assert_nothing_left(async || ());
/// ```
/// and has a form of its own:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// stackholm::testing::assert_nothing_left_async(async || ()).await;
/// # }
/// ```
#[track_caller]
pub fn assert_nothing_left<R, AFutureNeedsTheAsyncForm>(piece: impl FnOnce() -> R) -> R
where
    R: HasRun<AFutureNeedsTheAsyncForm>,
{
    let (witness, before) = (Witness::new(), here());
    let result = Scope::new().set(&WITNESS, Arc::clone(&witness.0)).run(|| {
        let inside = here();
        let result = piece();
        assert!(inside == here(), "the stack is not as it was: something was entered and not left");
        result
    });
    assert!(
        before == here(),
        "the stack is not as it was: something was left that was not entered"
    );
    check_left(&witness, &before, "");
    result
}

/// As [`assert_nothing_left`], for a piece that awaits: nothing may be left when the future is done
/// and dropped.
///
/// # Panics
/// As [`assert_nothing_left`]; when it is awaited.
#[track_caller]
pub fn assert_nothing_left_async<F: Future, P: FnOnce() -> F>(
    piece: P,
) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        let asserted = format!(" (asserted at {place})");
        let (witness, before) = (Witness::new(), here());
        let watched = async {
            let inside = here();
            let result = piece().await;
            assert!(
                inside == here(),
                "the stack is not as it was: something was entered and not left{asserted}"
            );
            result
        };
        let result = WITNESS.scope(Arc::clone(&witness.0), watched).await;
        assert!(
            before == here(),
            "the stack is not as it was: something was left that was not entered{asserted}"
        );
        check_left(&witness, &before, &asserted);
        result
    }
}

/// What is visible here, without a note.
fn here() -> Context {
    Context::from_snapshot(current::capture(At::NOWHERE))
}

#[track_caller]
fn check_left(witness: &Witness, before: &Context, asserted: &str) {
    if witness.is_kept() {
        panic!("{}", told(&witness.alive(), before) + asserted);
    }
}

/// A place; a function that is passed as a value is called from within the standard library.
fn in_words(place: Place) -> String {
    if place.file().ends_with("ops/function.rs") {
        "a place that was passed the function".into()
    } else {
        place.to_string()
    }
}

/// What a context keeps without showing it, unless `before` shows it.
#[cfg(feature = "inspect")]
fn pinned(context: &Context, before: &Context) -> String {
    let is_before = |pinned: &crate::inspect::Pinned| {
        before.iter().any(|shown| shown.place() == pinned.bound_at())
    };
    let pinned = crate::inspect::pinned(context).into_iter().filter(|pinned| !is_before(pinned));
    let pinned: Vec<_> = pinned.map(|pinned| pinned.to_string()).collect();
    if pinned.is_empty() {
        return String::new();
    }
    format!("; keeps and does not show {}", pinned.join(", "))
}

#[cfg(not(feature = "inspect"))]
fn pinned(_: &Context, _: &Context) -> String {
    String::new()
}

/// What is said of contexts that are alive.
fn told(alive: &[(crate::engine::Snapshot, Vec<Place>)], before: &Context) -> String {
    let mut told = match alive.len() {
        0 | 1 => String::from("a context that was captured here is alive, and its values with it"),
        n => format!("{n} contexts that were captured here are alive, and their values with them"),
    };
    if !COUNTS {
        told += "; builds with debug assertions say where it was captured";
    }
    for (link, places) in alive {
        let places: Vec<_> = places.iter().map(|place| in_words(place)).collect();
        write!(told, "\n  captured at {}: ", places.join(" or "))
            .expect("a string takes everything");
        let context = Context::from_snapshot(Some(link.clone()));
        let shows = before.changes(&context).into_iter().filter_map(|change| change.after);
        let shows = shows.filter(|binding| !binding.is_of(&WITNESS));
        let shows: Vec<_> =
            shows.map(|shown| format!("`{}` bound at {}", shown.name(), shown.place())).collect();
        told += &if shows.is_empty() {
            String::from("shows nothing of its own")
        } else {
            shows.join(", ")
        };
        told += &pinned(&context, before);
    }
    told
}
