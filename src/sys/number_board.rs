//! A board as models use it.

use super::board::Board;
use std::ptr;

/// A board of two numbers each, for models.
pub struct NumberBoard(Board<2>);

#[allow(missing_docs, clippy::missing_panics_doc, reason = "for models")]
impl NumberBoard {
    /// With room for so many.
    pub fn new(room: usize) -> Self {
        let board = Board::new();
        board.grow(room);
        NumberBoard(board)
    }

    pub fn claim(&self) -> Option<usize> {
        self.0.claim()
    }

    pub fn publish(&self, index: usize, numbers: [usize; 2]) {
        self.0.publish(index, numbers.map(ptr::without_provenance_mut));
    }

    pub fn take_off(&self, index: usize) {
        self.0.take_off(index);
    }

    pub fn unpublish(&self, index: usize) -> bool {
        self.0.unpublish(index)
    }

    pub fn release(&self, index: usize) {
        self.0.release(index);
    }

    pub fn set(&self, index: usize, at: usize, number: usize) {
        self.0.slot(index).set(at, ptr::without_provenance_mut(number));
    }

    pub fn word(&self, index: usize, at: usize) -> usize {
        self.0.slot(index).word(at).addr()
    }

    pub fn exchange(&self, index: usize, at: usize, old: usize, new: usize) -> bool {
        let [old, new] = [old, new].map(ptr::without_provenance_mut);
        self.0.slot(index).exchange(at, old, new)
    }

    pub fn each(&self, mut f: impl FnMut([usize; 2])) {
        self.0.each(|_, words| f(words.map(|word| word.addr())));
    }
}
