//! Ambient context for Rust: scoped variables, inherited without a copy, snapshotted in O(1), handed to threads
//! and tasks, leaked to nobody.
#![warn(missing_docs)]

mod cell;
mod chain;
mod checkpoint;
#[cfg(doctest)]
mod compile_fail_tests;
mod context;
mod entered;
mod envelope;
mod error;
mod ext;
mod future;
mod misuse;
mod stack;
mod sync;
pub mod thread;
mod var;

pub use cell::ContextCell;
pub use checkpoint::{Checkpoint, Prepared, Scope};
pub use context::{Binding, Bindings, Change, Context, WeakContext};
pub use entered::Entered;
pub use envelope::Envelope;
pub use error::{Missing, NotOpen, Place, Reason, SetError};
#[allow(unused_imports, unreachable_pub, reason = "without features there is nothing in it")]
pub use ext::*;
pub use future::{ContextExt, InContext};
pub use misuse::{Misuse, on_misuse};
pub use var::{Source, Var};

/// What the author of a runtime embeds.
pub mod embed {
    pub use crate::stack::Stack;
}

#[doc(hidden)]
pub use sync::proof;
