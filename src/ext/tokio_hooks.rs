//! Tasks that carry without being asked, by tokio's task hooks. Feature `tokio` under
//! `--cfg tokio_unstable`.
//!
//! Off by default: even under that flag nothing happens before [`carry_into_tasks`].
//!
//! **Think twice.** A task that outlives the request in which it was spawned keeps the values of
//! that request. If it serves a connection, a pool or a timer, all its later work sees the values
//! of the first request. Automatic propagation has gone wrong like this wherever it was shipped.
//! The hook is for programs that cannot change the library that spawns. Elsewhere use
//! [`tokio::spawn`](crate::tokio::spawn), which says at each spawn what is meant; the lint
//! configuration in `docs/clippy.toml` finds the spawns that you forgot. Values of short reach
//! never travel.

use crate::context::Context;
use crate::engine::{Serial, current};
use crate::sys::{Arc, Mutex};
use ::tokio::runtime::Builder;
use ::tokio::task::Id;
use std::collections::HashMap;
use std::panic::Location;

/// The context in which each task of a runtime was spawned, and the number of the checkpoint that a
/// poll of it has entered.
type Spawned = Mutex<HashMap<Id, (Context, Option<Serial>)>>;

/// Makes a runtime each of whose tasks is polled in the context of where it was spawned. Takes the
/// place of hooks that were set before.
///
/// Each poll begins in an open checkpoint of its own: what a task sets lasts until it awaits. A
/// future that was wrapped or detached by this crate has a stack of its own and stays on that.
/// Blocking jobs and local sets are not covered, nor is the drop of a task outside of a poll. A
/// task that is spawned where nothing is bound is left alone.
pub fn carry_into_tasks(builder: &mut Builder) -> &mut Builder {
    let spawned = Arc::new(Spawned::default());
    let [before, after, end] = [&spawned, &spawned, &spawned].map(Arc::clone);
    builder
        .on_task_spawn(move |task| {
            let context = Context::current();
            if !context.is_empty() {
                with(&spawned, |all| all.insert(task.id(), (context, None)));
            }
        })
        .on_before_task_poll(move |task| {
            let context =
                with(&before, |all| all.get(&task.id()).map(|(context, _)| context.clone()));
            if let Some(context) = context {
                let serial = current::adopt(context.into_snapshot(), Location::caller());
                with(&before, |all| {
                    all.get_mut(&task.id()).map(|(_, number)| *number = Some(serial))
                });
            }
        })
        .on_after_task_poll(move |task| {
            if let Some(serial) =
                with(&after, |all| all.get(&task.id()).and_then(|(_, serial)| *serial))
            {
                let _ = current::leave(serial);
            }
        })
        .on_task_terminate(move |task| {
            // Tokio calls this within the last poll; the hook after that poll finds nothing to
            // leave.
            if let Some((_context, Some(serial))) = with(&end, |all| all.remove(&task.id())) {
                let _ = current::leave(serial);
            }
        })
}

/// Calls `f` with the map locked, so `f` must not run foreign code. The caller drops the result
/// after the lock is released.
fn with<R>(
    spawned: &Spawned,
    f: impl FnOnce(&mut HashMap<Id, (Context, Option<Serial>)>) -> R,
) -> R {
    f(&mut spawned.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}
