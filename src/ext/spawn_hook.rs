//! Threads that carry without being asked, by the standard library's hook. Nightly only, off by
//! default.
//!
//! Built under `--cfg stackholm_nightly`, and even then nothing happens before
//! [`carry_into_threads_from_here`].
//!
//! **Think twice.** A thread that outlives the request in which it was started keeps the values of
//! that request. If it belongs to a pool, a connection, a timer or a logger, all its later work
//! sees the values of the first user. Automatic propagation has gone wrong like this wherever it
//! was shipped. The hook is for programs that cannot change the library that spawns. Elsewhere use
//! [`thread::spawn`](crate::thread::spawn), which says at each spawn what is meant; the lint
//! configuration in `docs/clippy.toml` finds the spawns that you forgot. Values of short reach
//! never travel.

use crate::context::Context;
use std::mem;
use std::thread;

/// From now on each thread that this thread starts, and each that those start, begins in the
/// context of where it is started, in an open checkpoint of its own. There is no way back.
///
/// The functions of this crate still do what they say: a thread that is spawned detached is
/// detached.
pub fn carry_into_threads_from_here() {
    thread::add_spawn_hook(|_| {
        let context = Context::current();
        // Left when the thread ends.
        move || mem::forget(context.enter())
    });
}
