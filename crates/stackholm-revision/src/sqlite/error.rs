//! What can go wrong.

use crate::key::RevisionKey;
use crate::revert::ConflictAt;
use std::fmt;

/// An operation on a tracked connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// [`install`](super::Tracked::install) was not called on this connection.
    NotInstalled,
    /// The database was written by a later version of this crate.
    LaterSchema {
        /// The version that it has.
        found: i64,
    },
    /// The table cannot be tracked.
    CannotTrack {
        /// Which table.
        table: String,
        /// Why not.
        why: String,
    },
    /// The table is not tracked on this connection.
    NotTracked {
        /// Which table.
        table: String,
    },
    /// A tracked table was to be written outside of every block.
    OutsideBlock {
        /// Which table.
        table: String,
    },
    /// Something is to be done that has to be attributed, outside of every block.
    NoBlock,
    /// A statement begins or ends a transaction past the guards.
    Control {
        /// The word that it begins with.
        word: String,
    },
    /// A transaction is open on the connection that was not begun here.
    AlreadyOpen,
    /// SQLite rolled the transaction back by itself, because of an earlier error.
    RolledBack,
    /// There is no change of this revision in the database.
    NoRevision(RevisionKey),
    /// Rows have changed since; nothing was reverted.
    Conflicts(Vec<ConflictAt>),
    /// History knows a column that the table does not have any more, or a value that it was told
    /// not to keep.
    Column {
        /// Which table.
        table: String,
        /// Which column.
        column: String,
    },
    /// What is stored cannot be read; the number is that of the change.
    Damaged {
        /// Which change.
        number: i64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Sqlite(error) => error.fmt(f),
            Error::NotInstalled => f.write_str("the tables of revisions are not installed here"),
            Error::LaterSchema { found } => {
                write!(f, "the tables of revisions have version {found}, which is later than known")
            }
            Error::CannotTrack { table, why } => write!(f, "`{table}` cannot be tracked: {why}"),
            Error::NotTracked { table } => {
                write!(f, "`{table}` is not tracked on this connection")
            }
            Error::OutsideBlock { table } => {
                write!(f, "`{table}` is tracked and was written outside of every revision")
            }
            Error::NoBlock => f.write_str("there is no block of a revision here"),
            Error::Control { word } => {
                write!(f, "a statement begins with {word}: transactions have guards here")
            }
            Error::AlreadyOpen => f.write_str("a transaction is open that was not begun here"),
            Error::RolledBack => f.write_str("the transaction was rolled back by an earlier error"),
            Error::NoRevision(key) => write!(f, "there is no change of revision {key}"),
            Error::Conflicts(rows) => {
                f.write_str("rows have changed since:")?;
                rows.iter().try_for_each(|row| write!(f, " {row};"))
            }
            Error::Column { table, column } => {
                write!(f, "the column `{column}` of `{table}` is not there or was not kept")
            }
            Error::Damaged { number } => write!(f, "change {number} cannot be read"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Sqlite(error) => Some(error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Error::Sqlite(error)
    }
}

/// A result on a tracked connection.
pub type Result<T, E = Error> = std::result::Result<T, E>;
