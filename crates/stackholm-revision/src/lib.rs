//! Who changed which row, in whose name and why: revision tracking on a real database, attributed
//! by ambient context.
//!
//! Triggers capture and variables attribute. A [`Revision`] block says who acts and why; whatever
//! is written inside, however deep, in tasks and threads that carry the context too, is recorded
//! with that, in the same transaction. What does not carry it is refused, or recorded as nobody's:
//! never in the name of somebody else.
//!
#![cfg_attr(feature = "sqlite", doc = "```")]
#![cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
//! # fn main() -> Result<(), stackholm_revision::sqlite::Error> {
//! use stackholm_revision::{Revision, sqlite::{Conflict, Tracked}};
//!
//! let mut db = Tracked::new(rusqlite::Connection::open_in_memory()?)?;
//! db.connection().execute_batch(
//!     "CREATE TABLE post(id INTEGER PRIMARY KEY, title TEXT, spam INTEGER DEFAULT 0);
//!      INSERT INTO post(title) VALUES ('hello'), ('cheap pills')",
//! )?;
//! db.install()?;
//! db.track("post")?;
//!
//! let sweep = Revision::new().actor(("user", "ada")).description("spam sweep").run(|| {
//!     db.write(|tx| tx.execute("UPDATE post SET spam = 1", []))?;
//!     Ok::<_, stackholm_revision::sqlite::Error>(stackholm_revision::here().unwrap().revision)
//! })?;
//!
//! // One of them was none.
//! Revision::new().actor(("user", "grace")).because("complained").run(|| {
//!     db.write(|tx| tx.revert_row(sweep, "post", 1, Conflict::Stop))
//! })?;
//! let history = db.history().of("post", 1)?;
//! assert_eq!(history[0].actor.to_string(), "user grace");
//! assert_eq!(history[0].reverts, Some(sweep));
//! assert_eq!(history[1].description.as_deref(), Some("spam sweep"));
//! # Ok(())
//! # }
//! ```
//!
//! # The rules
//!
//! - **One revision for the outermost block**; blocks inside share it. Actor, reasons, description
//!   and whether anything is tracked are those of the innermost one.
//! - **Attribution is that of the statement**: of the block around the call that executes it, in
//!   the thread or task that executes it.
//! - **Nobody, the system and an actor** are three things, in the database too.
//! - **Outside of every block** a write to a tracked table is refused, or recorded as nobody's
//!   where the table was tracked so.
//! - **What is recorded is part of the transaction.** A savepoint that is rolled back takes its
//!   changes along, and a rolled-back transaction leaves nothing. A revision may go on in a second
//!   transaction, at the same time as well.
//! - **What is not tracked is on record**: the first untracked change of a table in a block leaves
//!   a gap, with the reason.
//! - **An update that changes nothing** leaves nothing.
//!
//! # Features
//!
//! | feature | brings | |
//! |---|---|---|
//! | `sqlite` (default) | `rusqlite` with the SQLite that it contains | module `sqlite`: temporary triggers of one connection |
//! | `postgres` | `tokio-postgres`, without its runtime | module `postgres`: triggers in the schema, `async` |
//!
//! With neither, there are blocks and tokens: enough for a program that fills a queue.

mod actor;
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    allow(dead_code, reason = "the databases use it")
)]
mod entry;
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    allow(dead_code, reason = "the databases use it")
)]
mod frame;
mod hex;
mod key;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod revert;
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    allow(dead_code, reason = "the databases use it")
)]
mod revision;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod token;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod trail;
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    allow(dead_code, reason = "the databases use it")
)]
mod value;

pub use actor::{Actor, Who};
pub use entry::{Change, Entry, Op};
pub use key::{NotAKey, RevisionKey};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use revert::{Conflict, ConflictAt, Reverted, Why};
pub use revision::{
    Here, NoBlock, Revision, disable, enable, here, is_tracking, set_actor, set_description,
    set_reason, set_system,
};
pub use token::{Token, TokenError, TokenSecret};
pub use value::{Key, Row, Value};

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
