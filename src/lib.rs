//! Ambient context for Rust: scoped variables, inherited without a copy, snapshotted in O(1),
//! handed to threads and tasks, never visible outside the scope that bound them.
//!
//! A [`Var`] is a `static` that has a value for the extent of a block or a future. Everything
//! called inside sees it, however deep; nothing outside does. A [`Context`] is a snapshot of all of
//! them, and takes them to a thread or a task.
//!
//! ```
//! use stackholm::{ContextExt, Var};
//!
//! static USER: Var<&str> = Var::new("user");
//!
//! fn greeting() -> String {
//!     USER.with(|user| format!("hello, {user}"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! assert_eq!(USER.sync_scope("ada", greeting), "hello, ada");
//! let task = USER.sync_scope("grace", || tokio::spawn(async { greeting() }.in_current_context()));
//! assert_eq!(task.await.unwrap(), "hello, grace");
//! assert!(!USER.is_bound());
//! # }
//! ```
//!
//! # The words
//!
//! | word | meaning |
//! |---|---|
//! | variable, [`Var`] | a `static`, or a value made at run time, with a name for people, perhaps a default, and a reach |
//! | binding | one variable with one value, and where in the source it was made |
//! | checkpoint, [`Checkpoint`] | a block of bindings that are left together; it is open: it may be changed from inside |
//! | scope, [`Scope`] | a sealed checkpoint: its bindings are given on entry and stay; [`Var::scope`] is one with one binding |
//! | stack | the checkpoints of one thread or one task, innermost last; [`embed::Stack`] is one held as a value |
//! | context, [`Context`] | an immutable snapshot of everything visible at one point |
//! | reach | how far a binding goes: everywhere, only in [its own thread or task](Var::stays_on_stack), only in [its own checkpoint](Var::stays_in_checkpoint) |
//! | mask | a binding that says "as if nobody had bound it"; made by [`Var::unset`] and [`Context::without`] |
//!
//! # The rules, in short
//!
//! - **Lookup.** The nearest binding on the stack and in what it inherited; else the [process-wide
//!   value](Var::set_global); else the default; else an error that says why. [`Var::source`] says
//!   which of them it was.
//! - **A callee cannot change what its caller sees**, except in an open checkpoint that the caller
//!   itself entered. Leaving a checkpoint restores exactly what was visible before it: by return,
//!   `?`, panic or cancellation.
//! - **Handing over is explicit.** A plain spawn starts empty.
//!   [`in_current_context`](ContextExt::in_current_context), [`thread::spawn`], [`Context::wrap`]
//!   and their like carry everything of full reach, as it is at the call;
//!   [`detached`](ContextExt::detached) carries nothing. What the receiver sets is never seen by
//!   the sender.
//! - **A snapshot is O(1) and shares the values.** Later changes of the stack do not show in it,
//!   nor the reverse.
//! - **Binding hands nothing over.** [`Var::scope`], [`Scope::wrap`] and [`Checkpoint::wrap`] bind
//!   where the future is first polled, on top of what is visible there: scopes nest however they
//!   are written, and one that is spawned bare carries its own bindings alone.
//! - **A wrapped future has a stack of its own**, swapped in for each poll and for its drop. Two
//!   futures that await in turn never see each other's bindings.
//! - **Misuse of a guard corrupts nothing and never panics**; [`on_misuse`] counts it.
//! - **No lock or borrow is held while your code runs.** Closures, `Drop`, `Clone` and `Debug` of
//!   values may read, enter, leave and set.
//! - **A value is dropped** when its checkpoint has been left and the last context that shows it is
//!   gone, on the thread that released it last. [What a context keeps](#what-a-context-keeps) has
//!   the cases and the bounds.
//! - **Deadlines and cancellation** are variables like others: [`mod@deadline`], [`mod@cancel`].
//! - **No value is ever printed**, unless its variable was declared [`shown`](Var::shown) or
//!   [`logged`](Var::logged).
//!
//! Costs grow with the logarithm of the number of variables bound, and never with the depth of
//! nesting. A binding takes one block of memory, which a thread uses again for its next binding;
//! reading and capturing take none.
//!
//! # What people ask first
//!
//! ## May I hold a guard over an await?
//!
//! Do not. [`Entered`] is `!Send`, so a task that does cannot be spawned on a runtime of several
//! threads. Where it compiles (`block_on`, a `LocalSet`) inside a future that is not wrapped, the
//! binding is on the stack of the *thread*, and whatever else the thread polls meanwhile sees it.
//! Bind the future instead; the value is there at each poll and at no other time:
//!
//! ```
//! # use stackholm::Var;
//! # static USER: Var<&str> = Var::new("user");
//! # async fn load() -> &'static str { USER.get() }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // Not: let _guard = USER.enter("ada"); load().await
//! assert_eq!(USER.scope("ada", load()).await, "ada");
//! # }
//! ```
//!
//! A guard inside a wrapped future is on the stack of that future, and code outside never sees it.
//! The branches of a `join!`, a `select!` or a `FuturesUnordered` in there share that stack: if two
//! branches each hold a guard over an await, one of them sees what the other bound, and its guard
//! leaves both checkpoints. [`on_misuse`] counts that, and the lint below refuses it. Bind each
//! branch, or wrap it in a [`Checkpoint::wrap`] of its own. Use such a checkpoint also for a
//! variable that you set again between awaits.
//!
//! ## May I nest scopes? Join them? Return them from a middleware?
//!
//! Yes. A scope is made where its future is first polled, not where it is written, so each of these
//! sees both:
//!
//! ```
//! # use futures_util::future::join_all;
//! # use stackholm::Var;
//! # static TENANT: Var<&str> = Var::new("tenant");
//! # static USER: Var<&str> = Var::new("user");
//! # async fn load() -> (&'static str, &'static str) { (TENANT.get(), USER.get()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! assert_eq!(TENANT.scope("acme", USER.scope("ada", load())).await, ("acme", "ada"));
//!
//! let jobs: Vec<_> = ["ada", "grace"].map(|user| USER.scope(user, load())).into();
//! assert_eq!(TENANT.scope("acme", join_all(jobs)).await, [("acme", "ada"), ("acme", "grace")]);
//! # }
//! ```
//!
//! One table in the repository, `docs/binding.md`, lists what a future sees, by where it was made,
//! where it is polled and how it was spawned.
//!
//! ## What if I forget to hand over?
//!
//! The task or thread starts empty: [`Var::get`] panics at your line, and in debug builds says
//! where the variable was last bound; [`Var::try_get`] gives an error. You never read a wrong
//! value, with three exceptions:
//!
//! - **A variable with a default or a process-wide value.** Where a hand-over was lost, a read
//!   silently gives that value. If nothing may take the place of the binding, as for the tenant
//!   that a query is restricted to, read it with [`Var::require`], which accepts bindings only.
//! - **A future that is not wrapped** and is polled inside a scope on the same thread sees the
//!   stack of that thread: nothing can tell it from a callee. `.detached()` prevents it.
//! - **A bare job of rayon** (its own `join`, `scope`, `spawn` or parallel iterators) on a pool
//!   that also runs carrying jobs: a worker that waits runs the bare job on top of another
//!   request's job, whose values it then sees. The module `rayon`, behind the feature of that name,
//!   has each of these functions carrying and detached.
//!
//! One mistake compiles and looks like a hand-over: a future that a *closure* returns is polled
//! after the scope around the closure has been left.
//! `VAR.sync_scope(value, async || …).await` binds nothing for the future;
//! `VAR.scope(value, async { … }).await` does. The same goes for [`Context::run`],
//! [`Checkpoint::run`] and [`Scope::run`].
//!
//! In tests, [`testing::assert_seen`] notices each reading that found no binding, and
//! [`testing::assert_nothing_left`] each context that is kept. Clippy can refuse the bare spawns,
//! jobs and parallel iterators, and the guards over awaits. In `clippy.toml` (the repository's
//! `docs/clippy.toml` is the whole list, to be copied):
//!
//! ```toml
//! await-holding-invalid-types = [
//!     { path = "stackholm::Entered", reason = "bind the future: VAR.scope(value, future)" },
//! ]
//! disallowed-methods = [
//!     { path = "tokio::spawn", reason = "stackholm::tokio::spawn carries, spawn_detached does not", allow-invalid = true },
//!     { path = "tokio::task::spawn_blocking", reason = "stackholm::tokio::spawn_blocking", allow-invalid = true },
//!     { path = "std::thread::spawn", reason = "stackholm::thread::spawn carries, spawn_detached does not" },
//!     { path = "rayon::join", reason = "stackholm::rayon::join", allow-invalid = true },
//!     { path = "rayon::iter::IntoParallelRefIterator::par_iter", reason = "stackholm::rayon::par_iter", allow-invalid = true },
//! ]
//! ```
//!
//! Clippy sees the function and not what it is given, so with this list in force
//! `tokio::spawn(future.in_current_context())` is written `stackholm::tokio::spawn(future)`.
//!
//! Both lints are on by default, and so is `clippy::declare_interior_mutable_const`, which names a
//! variable that is a `const` where a `static` is meant: each use of a `const` is a variable of its
//! own, and it is never bound.
//!
//! ## How does it differ from `tokio::task_local!`?
//!
//! `KEY.scope(value, future)` is written and behaves the same, nested, joined or boxed; the
//! repository's `examples/from_task_local.rs` is one program on both. A task-local is one value in
//! one task. It is faster to read, and there is no way to take all of them along: each spawn must
//! name each key. Here one call carries everything that is bound, including by libraries you do not
//! know; a variable works in threads and plain functions as in tasks; it can be masked, defaulted,
//! set in an open block, kept from being carried, and it says where it was bound.
//!
//! ## And from OpenTelemetry's `Context`?
//!
//! The idea is the same: an immutable context that is attached to the thread for a while. There,
//! keys are types, `with_value` copies the whole map of values, guards that are dropped out of
//! order and awaits under a guard show wrong values, and propagators send it between services.
//! Here keys are variables, adding one copies a few words, and nothing leaves the process unless a
//! `wire::Wire` lists it (feature `wire`). Both may be used side by side; the crate
//! `stackholm-opentelemetry` lets each hop carry both.
//!
//! ## And from the spans of `tracing`?
//!
//! A span describes work to people who watch; what is recorded in it cannot be read back, and
//! whether it exists depends on who subscribed. A variable is for the program: the tenant that a
//! query is restricted to must not depend on the level of the log. The feature
//! `tracing-subscriber` adds variables that are declared [`logged`](Var::logged) to each event.
//!
//! ## And from a thread-local?
//!
//! A thread-local belongs to the thread: it does not end with a block, is not inherited by what you
//! spawn, and on a pool it is seen by the next task. A variable ends with its block, and a worker
//! between two jobs holds nothing.
//!
//! ## Can I read a variable in a destructor, a panic hook, a logger?
//!
//! Yes, also while a thread ends: [`Var::try_get`] gives an answer or an error, and does not panic.
//! A value's own `Drop` sees the stack as it is after its binding has gone.
//!
//! ## How do I change what my caller sees?
//!
//! Not by [`Var::set`], unless the caller entered an open checkpoint and you are called directly in
//! it. Otherwise let the caller bind something that can be changed, such as a `Mutex` or an atomic:
//! contexts share values, they do not copy them.
//!
//! ## How do I bind a number of variables that is not known when I compile?
//!
//! With [`Checkpoint::prepare`], or with [`Context::build`] if you want a context: both take
//! bindings in a loop.
//!
//! ## My task keeps a request's values alive. Why?
//!
//! Because it carries its context, which is the point. Work that outlives the request should be
//! [`detached`](ContextExt::detached), and bind what it needs anew; [`WeakContext`] keeps nothing
//! alive. Who keeps what, and where it was captured, is what `inspect::look` tells with the feature
//! `inspect`.
//!
//! # What a context keeps
//!
//! A context keeps the values that it shows. A value that it does not show is dropped as soon as no
//! stack can show it again:
//!
//! | the value was | its scope or checkpoint is left: it is dropped | before that |
//! |---|---|---|
//! | shadowed by an inner scope | at once, whatever captured the inner one | its stack shows it again after the inner scope |
//! | masked by [`Var::unset`] | at once, whatever captured the masked state | the same |
//! | hidden by [`Context::with`], taken out by [`Context::without`] | does not apply | dropped with the last context that shows it |
//! | replaced by [`Var::set`] in one checkpoint | does not apply | dropped at once; if a context shows it, with that context |
//! | hidden by [`Var::pop`] or [`Var::reset`] of the binding above it | as shadowed | as shadowed |
//! | of [short reach](Var::stays_on_stack) | at once, even if a context was taken | |
//!
//! The same holds for a thread, for a stack that was handed a context and for a task. What a task
//! was handed stays alive as long as the task, also while the task binds the variable anew: it may
//! show the old value again.
//!
//! Where the exact answer would cost too much there is a bound instead. With `n` variables visible:
//!
//! - If `n` is at most 64, and scopes of one variable are nested in each other, one hidden value
//!   may be kept for every 64 of them.
//! - If `n` is more than 64, a hidden value may be kept until its chain is shortened: on average
//!   after at most `2 * n + 32` further bindings.
//! - A value replaced by `set` while a context shows it is kept by the checkpoint for up to `n / 8`
//!   further changes, and for as long as a read is running.
//! - Values that need no drop, such as numbers and `&'static str`, are kept for as long as is
//!   cheapest. Nobody can tell the difference.
//!
//! [`Context::trimmed`] keeps exactly what it shows. It costs O(n).
//!
//! # Integrations
//!
//! Each is a feature. Only `std` is on by default, and the others enable it. All but `std`,
//! `companions`, `inspect` and `wire` are named after the crate that they serve or use:
//!
//! | feature | what it brings |
//! |---|---|
//! | `std` | threads, thread-locals, deadlines, cancellation, [`testing`]; without it the crate is `no_std` with `alloc` |
//! | `axum` | variables and contexts as arguments of handlers |
//! | `companions` | each hop also carries what is ambient in another crate |
//! | `futures-io` | reading and writing through a wrapper |
//! | `http-body` | bodies of requests and responses through a wrapper |
//! | `hyper` | executors that carry or detach, by name |
//! | `imbl` | a map in a [`Shared`] cell, changed a key at a time; imbl is under the MPL 2.0 |
//! | `inspect` | a view into the running process: every stack, and what contexts keep although it was left |
//! | `inspect-axum` | that view as a page, as JSON and as metrics |
//! | `log` | the [fields] of each record, as its key-values |
//! | `log-mdc` | the fields of each record in `%X{…}` of log4rs |
//! | `metrics` | fields as labels, from a list |
//! | `rayon` | jobs, pools and parallel iterators that carry or detach |
//! | `serde` | fields as a map |
//! | `serde_json` | a codec of JSON for `wire` |
//! | `slog` | the fields of each record |
//! | `tokio` | spawns, `JoinSet`, handles, `block_on` and local sets that carry or detach; futures by deadline |
//! | `tokio-util` | `TaskTracker`, carrying or detached; cancellation tokens |
//! | `tower` | a checkpoint for each request, as a layer |
//! | `tracing` | the current span goes along with each hop |
//! | `tracing-subscriber` | the fields of each event, as text or JSON |
//! | `wire` | what crosses to another process, from whom it is taken, and to whom it is sent |
//!
//! What each boundary carries and what it does not, with each reach, is one table in the
//! repository, measured by a test: `docs/boundaries.md`.
//!
//! For programs that cannot change the library that spawns there are two hooks, which exist only
//! under a flag for the whole build and do nothing before they are called:
//! `spawn_hook::carry_into_threads_from_here` under `--cfg stackholm_nightly` (the standard
//! library's threads, on a nightly compiler), and `tokio_hooks::carry_into_tasks` under
//! `--cfg tokio_unstable` with the feature `tokio`. Work that outlives its request then keeps the
//! values of that request.
//!
//! Futures, streams and sinks need none of them: [`ContextExt`]. The author of a runtime embeds
//! [`embed::Stack`], and on a target without the standard library an [`embed::Slot`].
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]
#![cfg_attr(stackholm_nightly, feature(thread_spawn_hook))]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg_attr(not(feature = "std"), expect(dead_code, reason = "nobody watches"))]
mod asked;
mod builder;
#[cfg(feature = "std")]
pub mod cancel;
#[cfg(feature = "std")]
mod captures;
mod cell;
mod checkpoint;
#[cfg(feature = "companions")]
pub mod companion;
#[cfg(not(feature = "companions"))]
mod companion;
#[cfg(doctest)]
mod compile_fail_tests;
mod context;
#[cfg(feature = "std")]
pub mod deadline;
mod declared;
mod engine;
mod entered;
mod envelope;
mod error;
#[cfg(feature = "std")]
mod ext;
mod field;
pub mod fields;
mod future;
mod global;
mod group;
mod hop;
#[cfg(feature = "inspect")]
pub mod inspect;
mod kept;
mod line;
mod merge;
mod misuse;
mod on_stack;
mod patch;
mod picture;
mod pin;
mod require;
mod shared;
mod shorthand;
mod source;
mod stack;
mod sys;
#[cfg(feature = "std")]
pub mod testing;
#[cfg(feature = "std")]
pub mod thread;
mod var;
#[cfg(feature = "std")]
mod watch;
mod wrap;

pub use builder::ContextBuilder;
pub use cell::ContextCell;
pub use checkpoint::{Checkpoint, Prepared, Scope};
pub use context::{Binding, Bindings, Change, Context, WeakContext};
pub use engine::Bind;
pub use entered::Entered;
pub use envelope::Envelope;
pub use error::{Missing, NotOpen, Place, Reason, SetError};
#[cfg(feature = "std")]
#[allow(unused_imports, unreachable_pub, reason = "without features there is nothing in it")]
pub use ext::*;
pub use future::{ContextExt, InContext};
pub use global::{GlobalsEdit, set_globals, update_globals};
pub use group::AnyVar;
pub use hop::Hop;
pub use kept::Kept;
pub use merge::{Clash, Keep};
pub use misuse::{Misuse, on_misuse};
pub use patch::Patch;
pub use picture::Globals;
#[cfg(feature = "std")]
pub use shared::Changed;
pub use shared::{Shared, Snapshot};
pub use source::Source;
pub use var::Var;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../docs/migrating.md")]
struct Migrating;

#[cfg(doctest)]
#[doc = include_str!("../docs/cookbook.md")]
struct Cookbook;

#[cfg(doctest)]
#[doc = include_str!("../docs/structures.md")]
struct Structures;

/// What the author of a runtime embeds.
pub mod embed {
    pub use crate::on_stack::OnStack;
    pub use crate::stack::Stack;
    #[cfg(any(not(feature = "std"), doc))]
    #[cfg_attr(docsrs, doc(cfg(not(feature = "std"))))]
    pub use crate::sys::{FindSlot, Slot};
}

#[doc(hidden)]
pub mod proof;
