//! What threads hand to each other.
//!
//! A lock is taken for that and for nothing else, so that Miri and the thread sanitizer see the
//! edges of the library alone. Nobody waits for one: who acts may hold it already.

use crate::lists::{CONTEXTS, List, STACKS, Task, a_context};
use crate::operations::Operation;
use crate::player::Player;
use crate::reached::FROM_ANOTHER;
use crate::value::{Value, a_var, check};
use stackholm::embed::Stack;
use stackholm::{Context, Kept, WeakContext};
use std::sync::Mutex;
use std::thread::{self, ThreadId};

/// What was given, and by whom.
struct Pool<T>(Mutex<Vec<(ThreadId, T)>>);

/// The most that a pool holds.
const MOST: usize = 6;

impl<T> Pool<T> {
    const fn new() -> Self {
        Pool(Mutex::new(Vec::new()))
    }

    /// What is given is dropped if the pool is in use; and an older one if it is full, when the
    /// lock is free again.
    fn give(&self, player: &Player, new: T) {
        let mut new = Some((thread::current().id(), new));
        let old = self.0.try_lock().ok().and_then(|mut pool| {
            let old = (pool.len() >= MOST).then(|| pool.swap_remove(player.below(MOST)));
            pool.extend(new.take());
            old
        });
        drop((old, new));
    }

    fn get(&self, player: &Player) -> Option<T> {
        let mut pool = self.0.try_lock().ok()?;
        let at = (!pool.is_empty()).then(|| player.below(pool.len()))?;
        let (giver, got) = pool.swap_remove(at);
        drop(pool);
        if giver != thread::current().id() {
            FROM_ANOTHER.add();
        }
        Some(got)
    }

    fn clear(&self) {
        drop(self.0.lock().map(|mut pool| std::mem::take(&mut *pool)));
    }
}

static GIVEN_CONTEXTS: Pool<Context> = Pool::new();
static GIVEN_WEAK: Pool<WeakContext> = Pool::new();
static GIVEN_KEPT: Pool<Kept<'static, Value>> = Pool::new();
static GIVEN_STACKS: Pool<Stack> = Pool::new();

/// Drops what is left in the pools.
pub(crate) fn clear() {
    GIVEN_CONTEXTS.clear();
    GIVEN_WEAK.clear();
    GIVEN_KEPT.clear();
    GIVEN_STACKS.clear();
}

/// What a thread may do with what others have.
pub(crate) static EXCHANGES: [Operation; 8] = [
    Operation::new("gives what is bound here", 1, |player| {
        GIVEN_CONTEXTS.give(player, Context::current());
    }),
    Operation::new("gives a context away", 1, |player| {
        let context = CONTEXTS.draw(player);
        context.into_iter().for_each(|context| GIVEN_CONTEXTS.give(player, context));
    }),
    Operation::new("gets a context", 2, get_context),
    Operation::new("gives a kept value", 1, |player| {
        let kept = a_var(player).keep();
        kept.into_iter().for_each(|kept| GIVEN_KEPT.give(player, kept));
    }),
    Operation::new("gets a kept value", 1, |player| {
        GIVEN_KEPT.get(player).iter().for_each(|kept| kept.check());
    }),
    Operation::new("exchanges weak contexts", 1, |player| {
        let got = GIVEN_WEAK.get(player);
        GIVEN_WEAK.give(player, a_context(player).downgrade());
        got.and_then(|weak| weak.upgrade()).iter().for_each(check);
    }),
    Operation::new("gives a stack away", 1, |player| {
        let stack = STACKS.draw(player);
        stack.into_iter().for_each(|stack| GIVEN_STACKS.give(player, stack.task));
    }),
    Operation::new("gets a stack", 1, |player| {
        if let Some(stack) = GIVEN_STACKS.get(player) {
            STACKS.put(player, Task { number: player.number(), task: stack });
        }
    }),
];

/// Half of them stay with who gave them, too.
fn get_context(player: &Player) {
    if let Some(context) = GIVEN_CONTEXTS.get(player) {
        if player.one_in(2) {
            GIVEN_CONTEXTS.give(player, context.clone());
        }
        check(&context);
        CONTEXTS.put(player, context);
    }
}
