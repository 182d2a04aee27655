//! The places that a request comes through, each of which looks at its values.

use std::fmt;
use std::str::FromStr;

/// One place on the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// Before anything is bound; whatever is seen here belongs to somebody else.
    Arrival,
    /// The handler itself, at its beginning and at its end.
    Handler,
    /// A task spawned bare: it must see nothing.
    Stranger,
    /// A block of the handler that awaits.
    Checkpoint,
    /// Two futures of one task that await in turns.
    Left,
    Right,
    /// A spawned task, and one that this one spawns.
    Task,
    Subtask,
    /// A job on the blocking pool, and a thread that it starts.
    Blocking,
    Thread,
    /// Each chunk of the response body.
    Body,
}

impl Hop {
    pub(crate) const ALL: [Hop; 11] = [
        Hop::Arrival,
        Hop::Handler,
        Hop::Stranger,
        Hop::Checkpoint,
        Hop::Left,
        Hop::Right,
        Hop::Task,
        Hop::Subtask,
        Hop::Blocking,
        Hop::Thread,
        Hop::Body,
    ];

    /// How often an answered request looks around, up to its last chunk.
    pub(crate) const LOOKS: u32 = 22;

    /// The same, if it looks only once at each hop.
    pub(crate) const LOOKS_ONCE: u32 = Hop::ALL.len() as u32;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Hop::Arrival => "arrival",
            Hop::Handler => "handler",
            Hop::Stranger => "stranger",
            Hop::Checkpoint => "checkpoint",
            Hop::Left => "left",
            Hop::Right => "right",
            Hop::Task => "task",
            Hop::Subtask => "subtask",
            Hop::Blocking => "blocking",
            Hop::Thread => "thread",
            Hop::Body => "body",
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Hop {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Hop::ALL.into_iter().find(|hop| hop.name() == name).ok_or(())
    }
}
