//! Stacks that were opened at one place, together.

use super::stacks::{Kind, StackView, State};
use super::view::View;
use crate::error::Place;
use std::collections::HashMap;
use std::time::Duration;

/// The stacks of one kind that were opened at one place.
#[derive(Clone, Debug)]
pub struct Group {
    kind: Kind,
    opened_at: Option<Place>,
    number: usize,
    running: usize,
    oldest: Duration,
}

impl View {
    /// The stacks by kind and opener, the group with the oldest one first.
    pub fn groups(&self) -> Vec<Group> {
        let mut found: HashMap<(Kind, Option<Place>), usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for stack in self.stacks() {
            let at = *found.entry((stack.kind(), stack.opened_at())).or_insert(groups.len());
            if at == groups.len() {
                groups.push(Group::of(stack));
            }
            groups[at].add(stack);
        }
        groups
    }
}

impl Group {
    fn of(stack: &StackView) -> Group {
        let (kind, opened_at) = (stack.kind(), stack.opened_at());
        Group { kind, opened_at, number: 0, running: 0, oldest: Duration::ZERO }
    }

    fn add(&mut self, stack: &StackView) {
        self.number += 1;
        self.running += usize::from(matches!(stack.state(), State::Running { .. }));
        self.oldest = self.oldest.max(stack.age());
    }

    /// What has them.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where they were opened.
    pub fn opened_at(&self) -> Option<Place> {
        self.opened_at
    }

    /// How many there are.
    pub fn number(&self) -> usize {
        self.number
    }

    /// How many of them run.
    pub fn running(&self) -> usize {
        self.running
    }

    /// The age of the oldest one.
    pub fn oldest(&self) -> Duration {
        self.oldest
    }
}
