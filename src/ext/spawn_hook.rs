//! Threads that carry though nobody asked them to, by the standard library's hook. Nightly only,
//! off by default.
//!
//! Built under `--cfg stackholm_nightly`, and even then nothing happens before
//! [`carry_into_threads_from_here`].
//!
//! **Think twice.** A thread that outlives the request in which it was started keeps the values of
//! that request: the first user of a pool, of a connection, of a timer or of a logger then shows in
//! all its later work. That is how automatic propagation went wrong wherever it was shipped. It is
//! here for programs that cannot change the library that spawns; elsewhere
//! [`thread::spawn`](crate::thread::spawn) says at each spawn what is meant, and the lint
//! configuration in `docs/clippy.toml` finds those that were forgotten. Values of short reach never
//! travel.

use crate::context::Context;
use std::mem;
use std::thread;

/// From now on each thread that this thread starts, and each that those start, begins in the
/// context of where it is started, in an open checkpoint of its own. There is no way back.
///
/// The helpers of this crate go on doing what they say: what detaches is detached.
pub fn carry_into_threads_from_here() {
    thread::add_spawn_hook(|_| {
        let context = Context::current();
        // Left when the thread ends.
        move || mem::forget(context.enter())
    });
}
