//! Tasks that carry though nobody asked them to, by tokio's task hooks. Feature `tokio` under
//! `--cfg tokio_unstable`.
//!
//! Off by default: even there nothing happens before [`carry_into_tasks`].
//!
//! **Think twice.** A task that outlives the request in which it was spawned keeps the values of
//! that request: the connection, the pool and the timer that the first request happens to start
//! then show that request in all their later work. That is how automatic propagation went wrong
//! wherever it was shipped. It is here for programs that cannot change the library that spawns;
//! elsewhere [`tokio::spawn`](crate::tokio::spawn) says at each spawn what is meant, and the lint
//! configuration in `docs/clippy.toml` finds those that were forgotten. Values of short reach never
//! travel.

use crate::context::Context;
use crate::engine::{Serial, current};
use crate::sys::{Arc, Mutex};
use ::tokio::runtime::Builder;
use ::tokio::task::Id;
use std::collections::HashMap;
use std::panic::Location;

/// What the tasks of one runtime were spawned in, and the number by which a poll leaves it.
type Spawned = Mutex<HashMap<Id, (Context, Option<Serial>)>>;

/// Makes a runtime each of whose tasks is polled in the context of where it was spawned. Takes the
/// place of hooks that were set before.
///
/// Each poll begins in an open checkpoint of its own: what a task sets lasts until it awaits. A
/// future that was wrapped or detached by this crate has a stack of its own and keeps to that.
/// Blocking jobs and local sets are not covered, nor is the drop of a task outside of a poll.
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
            // It comes within the last poll, which then finds nothing to leave.
            if let Some((_context, Some(serial))) = with(&end, |all| all.remove(&task.id())) {
                let _ = current::leave(serial);
            }
        })
}

/// Works on the map; what comes back is dropped when it is let go. `f` must not run foreign code.
fn with<R>(
    spawned: &Spawned,
    f: impl FnOnce(&mut HashMap<Id, (Context, Option<Serial>)>) -> R,
) -> R {
    f(&mut spawned.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}
