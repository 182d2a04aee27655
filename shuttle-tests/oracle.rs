//! What a random program must see: plain lists with an entry for each variable.

use crate::variables::{NUMBER, Reach, reach, variable};
use stackholm::Context;

/// A binding, or a mask.
#[derive(Clone, Copy)]
pub(crate) struct Sight {
    /// `None`: a mask.
    number: Option<usize>,
    /// On which level of the stack it was made; `None`: it was inherited.
    level: Option<usize>,
}

/// What each variable is bound to. In a context all of it is inherited.
#[derive(Clone)]
pub(crate) struct View([Option<Sight>; NUMBER]);

impl View {
    pub(crate) fn empty() -> Self {
        View([None; NUMBER])
    }

    pub(crate) fn bind(&mut self, i: usize, number: Option<usize>) {
        self.0[i] = Some(Sight { number, level: None });
    }

    /// What of it a context shows.
    fn see(&self, i: usize) -> Option<usize> {
        self.0[i]?.number.filter(|_| reach(i) == Reach::Everywhere)
    }

    pub(crate) fn check(&self, i: usize, context: &Context) {
        assert_eq!(variable(i).read_in(context), self.see(i), "variable {i} in a context");
    }
}

struct Level {
    open: bool,
    before: View,
    /// What was shown as it began, which is something else if a context was entered.
    outside: View,
}

/// A stack as it must be.
pub(crate) struct Oracle {
    seen: View,
    levels: Vec<Level>,
}

impl Oracle {
    pub(crate) fn new(seen: View, open: bool) -> Self {
        let base = Level { open, before: seen.clone(), outside: seen.clone() };
        Oracle { seen, levels: vec![base] }
    }

    pub(crate) fn levels(&self) -> usize {
        self.levels.len()
    }

    fn top(&self) -> &Level {
        self.levels.last().expect("the base is never left")
    }

    pub(crate) fn is_open(&self) -> bool {
        self.top().open
    }

    /// Enters a checkpoint, perhaps with another view.
    pub(crate) fn enter(&mut self, open: bool, view: Option<View>) {
        let before = self.seen.clone();
        self.seen = view.unwrap_or_else(|| before.clone());
        self.levels.push(Level { open, before, outside: self.seen.clone() });
    }

    /// Leaves that level and all inside it.
    pub(crate) fn leave(&mut self, level: usize) {
        self.seen = self.levels.drain(level..).next().expect("it is there").before;
    }

    /// Binds or masks a variable in the innermost checkpoint.
    pub(crate) fn bind(&mut self, i: usize, number: Option<usize>) {
        self.seen.0[i] = Some(Sight { number, level: Some(self.levels.len() - 1) });
    }

    pub(crate) fn reset(&mut self, i: usize) {
        self.seen.0[i] = self.top().outside.0[i];
    }

    fn next_out(&self, i: usize, sight: Sight) -> Option<Sight> {
        self.levels[sight.level?].outside.0[i]
    }

    pub(crate) fn pop(&mut self, i: usize) -> bool {
        let Some(nearest) = self.seen.0[i] else { return false };
        self.seen.0[i] = self.next_out(i, nearest);
        true
    }

    pub(crate) fn depth(&self, i: usize) -> usize {
        std::iter::successors(self.seen.0[i], |sight| self.next_out(i, *sight)).count()
    }

    /// What a variable is bound to here.
    pub(crate) fn see(&self, i: usize) -> Option<usize> {
        let sight = self.seen.0[i]?;
        let is_seen = match reach(i) {
            Reach::Everywhere => true,
            Reach::Stack => sight.level.is_some(),
            Reach::Checkpoint => sight.level == Some(self.levels.len() - 1),
        };
        sight.number.filter(|_| is_seen)
    }

    /// What a context that is captured here shows.
    pub(crate) fn capture(&self) -> View {
        View(self.seen.0.map(|sight| sight.map(|sight| Sight { level: None, ..sight })))
    }
}
