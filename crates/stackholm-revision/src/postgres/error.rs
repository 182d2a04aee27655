//! What can go wrong.

use crate::key::RevisionKey;
use crate::revert::ConflictAt;
use std::fmt;
use tokio_postgres::error::SqlState;

/// A tracked table was written, and nobody was told of.
const OUTSIDE: &str = "SHR01";
/// A table cannot be tracked, or not any more.
const CANNOT_TRACK: &str = "SHR02";

/// An operation on a tracked connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// PostgreSQL or the connection to it says so.
    Postgres(tokio_postgres::Error),
    /// [`install`](super::Tracked::install) was never called for this database.
    NotInstalled,
    /// The database was written by a later version of this crate.
    LaterSchema {
        /// The version that it has.
        found: i32,
    },
    /// The table cannot be tracked.
    CannotTrack {
        /// Which table.
        table: String,
        /// Why not.
        why: String,
    },
    /// The table is not tracked in this database.
    NotTracked {
        /// Which table.
        table: String,
    },
    /// A tracked table was to be written outside of every block.
    OutsideBlock {
        /// Which table.
        table: String,
    },
    /// A tracked table was to be written by a `SELECT` that was taken for a read; see
    /// [`execute`](super::Transaction::execute).
    TakenForRead {
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
    /// The transaction cannot go on, because of an earlier error.
    RolledBack,
    /// An actor or a reason has a character in it that PostgreSQL does not take, which is NUL.
    Nul,
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

impl Error {
    /// What an error is about that a statement of the program gave; `told` says whether the
    /// statement was known to be in a block.
    pub(super) fn of_statement(error: tokio_postgres::Error, told: bool) -> Self {
        let Some(said) = error.as_db_error() else { return Error::Postgres(error) };
        let table = || said.table().unwrap_or_default().to_owned();
        match said.code().code() {
            OUTSIDE if told => Error::OutsideBlock { table: table() },
            OUTSIDE => Error::TakenForRead { table: table() },
            CANNOT_TRACK => Error::CannotTrack { table: table(), why: said.message().to_owned() },
            code if code == SqlState::IN_FAILED_SQL_TRANSACTION.code() => Error::RolledBack,
            _ => Error::Postgres(error),
        }
    }

    /// What an error is about that a question to the tables of revisions gave.
    pub(super) fn of_history(error: tokio_postgres::Error) -> Self {
        const ABSENT: [&SqlState; 3] = [
            &SqlState::UNDEFINED_TABLE,
            &SqlState::UNDEFINED_FUNCTION,
            &SqlState::INVALID_SCHEMA_NAME,
        ];
        match error.code() {
            Some(code) if ABSENT.contains(&code) => Error::NotInstalled,
            _ => Error::of_statement(error, true),
        }
    }

    /// Whether a constraint refuses a change.
    pub(super) fn refuses(&self) -> bool {
        match self {
            Error::Postgres(error) => {
                error.code().is_some_and(|code| code.code().starts_with("23"))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Postgres(error) => match error.as_db_error() {
                Some(said) => said.message().fmt(f),
                None => error.fmt(f),
            },
            Error::NotInstalled => f.write_str("the tables of revisions are not installed here"),
            Error::LaterSchema { found } => {
                write!(f, "the tables of revisions have version {found}, which is later than known")
            }
            Error::CannotTrack { table, why } => write!(f, "`{table}` cannot be tracked: {why}"),
            Error::NotTracked { table } => write!(f, "`{table}` is not tracked in this database"),
            Error::OutsideBlock { table } => {
                write!(f, "`{table}` is tracked and was written outside of every revision")
            }
            Error::TakenForRead { table } => {
                write!(f, "`{table}` is tracked and was written by a query that looks like a read")
            }
            Error::NoBlock => f.write_str("there is no block of a revision here"),
            Error::Control { word } => {
                write!(f, "a statement begins with {word}: transactions have guards here")
            }
            Error::AlreadyOpen => f.write_str("a transaction is open that was not begun here"),
            Error::RolledBack => f.write_str("the transaction cannot go on after an earlier error"),
            Error::Nul => f.write_str("an actor or a reason has a NUL in it"),
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
            Error::Postgres(error) => Some(error),
            _ => None,
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Error::Postgres(error)
    }
}

/// A result on a tracked connection.
pub type Result<T, E = Error> = std::result::Result<T, E>;
