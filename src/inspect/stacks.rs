//! The stacks that there are: what their records say, and what was copied of those that are idle.

use super::options::Look;
use super::value::Asker;
use crate::context::Context;
use crate::engine::listed::{self, Listed};
use crate::engine::{idle, watches};
use crate::error::Place;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What has a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A thread. It is listed once it enters something, or hands something over, while somebody
    /// watches.
    Thread,
    /// A future, or what else is wrapped.
    Task,
    /// A stream.
    Stream,
    /// A closure, or an envelope that was opened.
    Job,
    /// An [`embed::Stack`](crate::embed::Stack).
    Owned,
}

impl Kind {
    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Thread => "thread",
            Kind::Task => "task",
            Kind::Stream => "stream",
            Kind::Job => "job",
            Kind::Owned => "owned",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a stack is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It waits; its last turn began so long ago.
    Idle(Duration),
    /// It has run for so long, on the thread with [that number](crate::inspect::this_thread).
    Running {
        /// The number of the thread.
        thread: u64,
        /// For how long.
        since: Duration,
    },
    /// It was about to run as it was looked at.
    Changing,
}

impl State {
    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            State::Idle(_) => "idle",
            State::Running { .. } => "running",
            State::Changing => "changing",
        }
    }
}

/// One stack at the moment of a look.
#[derive(Clone, Debug)]
pub struct StackView {
    id: u64,
    parent: Option<u64>,
    kind: Kind,
    opened_at: Option<Place>,
    age: Duration,
    state: State,
    turns: usize,
    inside: Option<Inside>,
}

/// What is on a stack.
#[derive(Clone, Debug)]
struct Inside {
    checkpoints: Vec<CheckpointView>,
    bindings: Vec<BindingView>,
    more: usize,
}

impl StackView {
    /// A number that no other stack of the process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The stack that handed over to this one; `None` if it was detached. It may have ended.
    pub fn parent(&self) -> Option<u64> {
        self.parent
    }

    /// What has it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it was opened: where work was spawned, wrapped or sealed. `None` for a thread.
    pub fn opened_at(&self) -> Option<Place> {
        self.opened_at
    }

    /// How long ago it was opened, or somebody began to watch.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.state
    }

    /// How often it has run.
    pub fn turns(&self) -> usize {
        self.turns
    }

    /// Its checkpoints, innermost first, the first 32 of them. None of a stack that is running.
    pub fn checkpoints(&self) -> &[CheckpointView] {
        self.inside.as_ref().map_or(&[], |inside| &inside.checkpoints)
    }

    /// What is visible on it, the first 32. `None` if it is running: only its own thread may look
    /// then.
    pub fn bindings(&self) -> Option<&[BindingView]> {
        self.inside.as_ref().map(|inside| &*inside.bindings)
    }

    /// How many more checkpoints and bindings there are.
    pub fn more(&self) -> usize {
        self.inside.as_ref().map_or(0, |inside| inside.more)
    }
}

/// A checkpoint on a stack.
#[derive(Clone, Debug)]
pub struct CheckpointView {
    name: Cow<'static, str>,
    entered_at: Place,
    is_sealed: bool,
}

impl CheckpointView {
    /// The variable that its first binding is of; empty if it began with none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was entered.
    pub fn entered_at(&self) -> Place {
        self.entered_at
    }

    /// Whether it is a scope, which cannot be changed from inside.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }
}

/// A binding on a stack.
#[derive(Clone, Debug)]
pub struct BindingView {
    name: Cow<'static, str>,
    bound_at: Place,
    value: Option<String>,
}

impl BindingView {
    /// The name of the variable. One that was made at run time is cut after 40 bytes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was bound.
    pub fn bound_at(&self) -> Place {
        self.bound_at
    }

    /// The value, if [it was asked for](Look::values) and the variable was declared
    /// [`shown`](crate::Var::shown); the first 256 bytes.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

/// All stacks that `look` asks for, oldest first, and how many more there are.
pub(super) fn all(look: &Look) -> (Vec<StackView>, usize) {
    let now = watches::now();
    let age = |listed: &Listed| since(now, listed.born);
    let mut found = Vec::new();
    listed::each(&mut |listed| {
        if look.least_age().is_none_or(|least| age(&listed) >= least) {
            found.push(listed);
        }
    });
    found.sort_unstable_by_key(|listed| listed.id);
    let more = found.len().saturating_sub(look.most());
    found.truncate(look.most());
    let mut values = Asker::default();
    let view = |listed: Listed| {
        let idle = listed.thread.is_none();
        let inside = if idle { inside(&listed, look, &mut values) } else { None };
        StackView {
            id: listed.id as u64,
            parent: (listed.parent != 0).then_some(listed.parent as u64),
            kind: kind(listed.kind),
            opened_at: listed.place,
            age: age(&listed),
            state: match listed.thread {
                Some(thread) => {
                    State::Running { thread: thread as u64, since: since(now, listed.since) }
                }
                None if inside.is_none() => State::Changing,
                None => State::Idle(since(now, listed.since)),
            },
            turns: listed.turns,
            inside,
        }
    };
    (found.into_iter().map(view).collect(), more)
}

fn since(now: usize, then: usize) -> Duration {
    Duration::from_millis(now.saturating_sub(then) as u64)
}

fn kind(kind: listed::Kind) -> Kind {
    match kind {
        listed::Kind::Thread => Kind::Thread,
        listed::Kind::Task => Kind::Task,
        listed::Kind::Stream => Kind::Stream,
        listed::Kind::Job => Kind::Job,
        listed::Kind::Owned => Kind::Owned,
    }
}

fn inside(listed: &Listed, look: &Look, asker: &mut Asker) -> Option<Inside> {
    // A stack that is held as a value may be read through a shared reference at this moment, and
    // must not be captured.
    let values = look.has_values() && listed.kind != listed::Kind::Owned;
    let idle::Idle { checkpoints, bindings, snapshot } =
        idle::look(listed.record, listed.id, values)?;
    let beyond = |told: &idle::Told| told.number - told.some.len();
    let more = beyond(&checkpoints) + beyond(&bindings);
    let checkpoint = |(name, entered_at, is_sealed)| CheckpointView { name, entered_at, is_sealed };
    let binding = |(name, bound_at, _)| BindingView { name, bound_at, value: None };
    let mut inside = Inside {
        checkpoints: checkpoints.some.into_iter().map(checkpoint).collect(),
        bindings: bindings.some.into_iter().map(binding).collect(),
        more,
    };
    let context = Context::from_snapshot(snapshot);
    // Nothing is taken any more: what follows runs the user's code.
    let values = if context.is_empty() { Vec::new() } else { asker.ask(context) };
    for (name, place, value) in values {
        let is_it = |binding: &&mut BindingView| {
            binding.bound_at == place && binding.name == name && binding.value.is_none()
        };
        if let Some(binding) = inside.bindings.iter_mut().find(is_it) {
            binding.value = Some(value);
        }
    }
    Some(inside)
}
