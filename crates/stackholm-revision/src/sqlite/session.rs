//! What a transaction has told the database of frames, and what of it is still true after a
//! savepoint was rolled back.

use super::capture::{Mode, Shared};
use super::error::Result;
use crate::frame::{self, Frame};
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The frame that the database was told last.
#[derive(Clone, Debug)]
struct Told {
    frame: Arc<Frame>,
    id: i64,
    /// Whether a delta stands in it.
    used: bool,
}

/// What is true at one point of a transaction.
#[derive(Clone, Debug, Default)]
struct Known {
    told: Option<Told>,
    /// The parts that were written, and a frame of each.
    parts: Vec<(Arc<Frame>, i64)>,
    /// Frames that were told for statements that then changed nothing.
    unused: Vec<i64>,
    /// Which gaps are on record: of which block, in which table.
    gaps: Vec<(Arc<Frame>, usize)>,
}

/// One transaction, from its beginning to its end.
#[derive(Debug, Default)]
pub(super) struct Session {
    known: Known,
    /// What was known when each of the open levels began, the transaction's first.
    levels: Vec<Known>,
    /// The frame of what is written outside of every block, where that is allowed.
    nobody: Option<Arc<Frame>>,
    /// The untracked block of the statement that ran last.
    untracked: Option<Arc<Frame>>,
    rebuilt: bool,
}

impl Session {
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Whether triggers were made anew in this transaction.
    pub(super) fn rebuilt(&self) -> bool {
        self.rebuilt
    }

    pub(super) fn set_rebuilt(&mut self) {
        self.rebuilt = true;
    }

    pub(super) fn begun(&mut self) {
        self.levels.push(self.known.clone());
    }

    /// The innermost level is kept.
    pub(super) fn kept(&mut self) {
        self.levels.pop();
    }

    /// The innermost level was rolled back: what it told is gone, what was told before is there.
    pub(super) fn undone(&mut self, capture: &Shared) {
        self.known = self.levels.pop().unwrap_or_default();
        let mut capture = capture.lock();
        capture.used = false;
        capture.gaps.clear();
    }

    /// Sees to it that the frame of here and now is known to the database; says what is to be done
    /// with the rows of the next statement.
    pub(super) fn tell(&mut self, conn: &Connection, capture: &Shared) -> Result<Mode> {
        if let Some(told) = &self.known.told
            && frame::is_here(Some(&told.frame))
        {
            return Ok(Mode::Tracked(told.id));
        }
        match frame::here() {
            Some(here) if here.untracked.is_some() => {
                self.untracked = Some(here);
                Ok(Mode::Untracked)
            }
            Some(here) => Ok(Mode::Tracked(self.tell_of(conn, here)?)),
            None if capture.lock().tables.iter().any(|table| table.or_nobody) => {
                let nobody = self.nobody.get_or_insert_with(|| Arc::new(Frame::begin())).clone();
                Ok(Mode::Outside(Some(self.tell_of(conn, nobody)?)))
            }
            None => Ok(Mode::Outside(None)),
        }
    }

    fn tell_of(&mut self, conn: &Connection, frame: Arc<Frame>) -> Result<i64> {
        if let Some(told) = &mut self.known.told {
            // Another block may say the same again.
            if told.frame == frame {
                told.frame = frame;
                return Ok(told.id);
            }
            if !told.used {
                self.known.unused.push(told.id);
            }
        }
        self.known.told = None;
        let id = self.write(conn, &frame, None)?;
        self.known.told = Some(Told { frame, id, used: false });
        Ok(id)
    }

    /// Writes a frame, and its part if this transaction has not written that yet.
    fn write(&mut self, conn: &Connection, frame: &Arc<Frame>, gap: Option<i64>) -> Result<i64> {
        let part = self.known.parts.iter().rev().find(|(known, _)| known.same_part(frame));
        let part = part.map(|(_, id)| *id);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (word, kind, id) = frame.who.stored();
        let mut insert = conn.prepare_cached(
            "INSERT INTO stackholm_tell VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        insert.execute(rusqlite::params![
            part,
            frame.revision.to_bytes(),
            frame.description.as_deref(),
            frame.reverts.map(|key| key.to_bytes()),
            i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
            word,
            kind,
            id,
            frame.because.as_deref(),
            frame.deletion.as_deref(),
            gap,
            frame.untracked.as_deref(),
        ])?;
        // Nobody else writes while this transaction does, so the highest is ours.
        let mut highest =
            conn.prepare_cached("SELECT id, part FROM revision_frame ORDER BY id DESC LIMIT 1")?;
        let (id, written) = highest.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if part.is_none() {
            self.known.parts.push((frame.clone(), written));
        }
        Ok(id)
    }

    /// Takes over what the last statement left: that its frame has deltas, and its gaps.
    pub(super) fn take_over(&mut self, conn: &Connection, capture: &Shared) -> Result<()> {
        let (used, gaps) = {
            let mut capture = capture.lock();
            (std::mem::take(&mut capture.used), std::mem::take(&mut capture.gaps))
        };
        if let Some(told) = &mut self.known.told {
            told.used |= used;
        }
        let Some(block) = self.untracked.clone() else { return Ok(()) };
        for slot in gaps {
            let same =
                |(frame, of): &(Arc<Frame>, usize)| Arc::ptr_eq(frame, &block) && *of == slot;
            if !self.known.gaps.iter().any(same) {
                let table = capture.lock().tables[slot].id;
                self.write(conn, &block, Some(table))?;
                self.known.gaps.push((block.clone(), slot));
            }
        }
        Ok(())
    }

    /// Takes away the frames of statements that changed nothing, before a commit.
    pub(super) fn tidy(&mut self, conn: &Connection) -> Result<()> {
        let last = self.known.told.iter().filter(|told| !told.used).map(|told| told.id);
        let unused: Vec<_> = self.known.unused.drain(..).chain(last).collect();
        for id in unused {
            let mut frame = conn.prepare_cached(
                "DELETE FROM revision_frame WHERE id = ?1 AND NOT EXISTS \
                 (SELECT 1 FROM revision_delta WHERE frame = ?1) RETURNING part",
            )?;
            let mut part = conn.prepare_cached(
                "DELETE FROM revision_part WHERE id = ?1 AND NOT EXISTS \
                 (SELECT 1 FROM revision_frame WHERE part = ?1)",
            )?;
            let parts: Vec<i64> =
                frame.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            for id in parts {
                part.execute([id])?;
            }
        }
        Ok(())
    }
}
