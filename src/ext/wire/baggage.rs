//! The members of W3C baggage, within a budget of bytes and members.

use super::encoding::{is_baggage_octet, is_token};
use std::ops::ControlFlow;

/// How much may still be read, in all lines together. Each member counts, well-formed or not, and
/// so does each comma.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) bytes: usize,
    pub(super) members: usize,
    /// Whether something was counted: the next line costs a comma.
    began: bool,
}

/// The budget is spent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spent;

impl Budget {
    pub(super) fn new(bytes: usize, members: usize) -> Self {
        Budget { bytes, members, began: false }
    }

    /// Counts a member and the comma before it. Fails if there is no room for all of it.
    pub(super) fn take(&mut self, member: usize) -> Result<(), Spent> {
        let cost = member + usize::from(self.began);
        if self.members == 0 || cost > self.bytes {
            return Err(Spent);
        }
        self.members -= 1;
        self.bytes -= cost;
        self.began = true;
        Ok(())
    }

    /// Calls `f` with each member of a line, spaces included, until there is no room for one. It
    /// looks at no byte that the budget does not cover.
    pub(super) fn members(&mut self, line: &[u8], f: &mut dyn FnMut(&[u8])) -> ControlFlow<(), ()> {
        let mut rest = Some(line);
        while let Some(text) = rest {
            let window = &text[..text.len().min(self.bytes + 1)];
            let comma = window.iter().position(|byte| *byte == b',');
            let member = &text[..comma.unwrap_or(text.len())];
            if self.take(member.len()).is_err() {
                return ControlFlow::Break(());
            }
            f(member);
            rest = comma.map(|at| &text[at + 1..]);
        }
        ControlFlow::Continue(())
    }
}

/// Without spaces and tabs at both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let begin = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(begin, |last| last + 1);
    &text[begin..end]
}

/// `key = value ; properties`, as the grammar has it: the key and the value, still encoded.
pub(super) fn member(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = text.split(|byte| *byte == b';');
    let (key, value) = pair(parts.next()?)?;
    parts.all(is_property).then_some((key, value))
}

/// At the first `=`; a value may have more of them.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (trim(&text[..at]), trim(&text[at + 1..]));
    let is_key = !key.is_empty() && key.iter().copied().all(is_token);
    (is_key && value.iter().copied().all(is_baggage_octet)).then_some((key, value))
}

fn is_property(text: &[u8]) -> bool {
    let key = trim(text);
    pair(text).is_some() || !key.is_empty() && key.iter().copied().all(is_token)
}
