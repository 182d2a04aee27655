//! What a transaction has told the server of the frame of here and now, and what of it is still
//! true after a savepoint was rolled back.
//!
//! The server keeps it as a setting of the transaction, which follows savepoints by itself; this
//! is what we know of it.

use super::error::{Error, Result};
use crate::frame::{self, Frame};
use crate::value::push_text;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Statement;

/// The most statements that are kept prepared.
const MOST_STATEMENTS: usize = 256;

/// What the server was told last.
#[derive(Clone, Debug, Default)]
enum Told {
    /// Nothing, or that there is no block.
    #[default]
    Nothing,
    /// It was being told when the future was dropped.
    Unknown,
    This(Arc<Frame>),
}

/// One connection: the transaction that is open on it, and its prepared statements.
#[derive(Debug, Default)]
pub(super) struct Session {
    told: Told,
    /// What was told when each of the open levels began, the transaction's first.
    levels: Vec<Told>,
    /// The untracked blocks of this transaction, whose place is their number: each leaves gaps of
    /// its own.
    untracked: Vec<Arc<Frame>>,
    statements: HashMap<Box<str>, Statement>,
}

/// What is to be sent before a statement, and what is told then.
pub(super) struct Telling {
    pub(super) sql: String,
    then: Told,
}

impl Session {
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    pub(super) fn begun(&mut self) {
        self.levels.push(self.told.clone());
    }

    /// The innermost level is kept.
    pub(super) fn kept(&mut self) {
        self.levels.pop();
    }

    /// All levels from `depth` on were rolled back.
    pub(super) fn undone(&mut self, depth: usize) {
        while self.levels.len() >= depth.max(1) {
            self.told = self.levels.pop().unwrap_or_default();
        }
    }

    /// The transaction has ended.
    pub(super) fn ended(&mut self) {
        (self.told, self.levels, self.untracked) = Default::default();
    }

    /// What must be told before a statement. A read need not be told of at first, and never of
    /// what is true already; once something was told, each statement sees to it that it is true,
    /// since any of them may call a function that writes.
    pub(super) fn telling(&mut self, writes: bool) -> Result<Option<Telling>> {
        let here = frame::here();
        let then = match (&self.told, here) {
            (Told::Nothing, None) => return Ok(None),
            (Told::Nothing, Some(_)) if !writes => return Ok(None),
            (Told::This(told), Some(here)) if same(told, &here) => return Ok(None),
            (_, None) => Told::Nothing,
            (_, Some(here)) => Told::This(here),
        };
        let said = match &then {
            Told::This(frame) => self.said(frame)?,
            _ => String::new(),
        };
        self.told = Told::Unknown;
        let sql = format!(
            "SELECT set_config('stackholm.frame', E'{said}', true), \
             set_config('stackholm.frame_id', '', true)"
        );
        Ok(Some(Telling { sql, then }))
    }

    /// It arrived.
    pub(super) fn told(&mut self, telling: Telling) {
        self.told = telling.then;
    }

    /// Whether the server knows of a block.
    pub(super) fn knows_of_block(&self) -> bool {
        !matches!(self.told, Told::Nothing)
    }

    /// A frame as an object, within the quotes of an `E''` string.
    fn said(&mut self, frame: &Arc<Frame>) -> Result<String> {
        let mut number = 0;
        if frame.untracked.is_some() {
            let known = self.untracked.iter().position(|block| Arc::ptr_eq(block, frame));
            number = known.unwrap_or_else(|| {
                self.untracked.push(frame.clone());
                self.untracked.len() - 1
            });
        }
        let (word, kind, id) = frame.who.stored();
        let revision = frame.revision.to_string();
        let reverts = frame.reverts.map(|key| key.to_string());
        let members = [
            ("revision", Some(revision.as_str())),
            ("reverts", reverts.as_deref()),
            ("description", frame.description.as_deref()),
            ("who", Some(word)),
            ("kind", kind),
            ("id", id),
            ("because", frame.because.as_deref()),
            ("deletion", frame.deletion.as_deref()),
            ("untracked", frame.untracked.as_deref()),
        ];
        let mut out = format!("{{\"number\":{number}");
        for (name, text) in members.into_iter().filter_map(|(n, text)| Some((n, text?))) {
            if text.contains('\0') {
                return Err(Error::Nul);
            }
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            push_text(&mut out, text);
        }
        out.push('}');
        Ok(out.replace('\\', "\\\\").replace('\'', "\\'"))
    }

    pub(super) fn statement(&self, sql: &str) -> Option<Statement> {
        self.statements.get(sql).cloned()
    }

    pub(super) fn keep(&mut self, sql: &str, statement: &Statement) {
        if self.statements.len() >= MOST_STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(sql.into(), statement.clone());
    }

    /// It failed: perhaps because what it was prepared for is not there any more.
    pub(super) fn forget(&mut self, sql: &str) {
        self.statements.remove(sql);
    }
}

/// Whether a block says what was told. An untracked one is another one in any case: it leaves gaps
/// of its own.
fn same(told: &Arc<Frame>, here: &Arc<Frame>) -> bool {
    Arc::ptr_eq(told, here) || told.untracked.is_none() && told == here
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revision::Revision;

    #[test]
    fn a_frame_is_told_once_and_again_after_a_rollback_or_a_dropped_future() {
        let mut session = Session::default();
        let told = |session: &mut Session, writes| match session.telling(writes).unwrap() {
            Some(telling) => {
                session.told(telling);
                true
            }
            None => false,
        };
        Revision::new().actor(("user", "o'\"\\")).run(|| {
            session.begun();
            assert!(!told(&mut session, false), "a read is not told of");
            assert!(told(&mut session, true));
            assert!(!told(&mut session, true) && !told(&mut session, false));
            session.begun();
            Revision::new().system().run(|| {
                assert!(told(&mut session, false), "what was told would not be true");
            });
            session.undone(2);
            assert!(!told(&mut session, true), "the rollback took it back");
            Revision::new().system().run(|| {
                drop(session.telling(true));
                assert!(told(&mut session, false), "the future was dropped");
            });
            assert!(told(&mut session, false));
        });
        let telling = session.telling(false).unwrap().expect("the block was left");
        assert!(telling.sql.contains("E''"), "{}", telling.sql);
    }

    #[test]
    fn a_text_with_nul_is_refused_and_quotes_are_escaped() {
        let mut session = Session::default();
        let nul = Revision::new().because("a\0");
        assert!(matches!(nul.run(|| session.telling(true).map(drop)), Err(Error::Nul)));
        let odd = Revision::new().because("it's \\");
        let sql = odd.run(|| session.telling(true)).unwrap().unwrap().sql;
        assert!(sql.contains("\"it\\'s \\\\\\\\\""), "{sql}");
    }
}
