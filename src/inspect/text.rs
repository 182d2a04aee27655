//! A view as text, for logs and panics.

use super::groups::Group;
use super::view::{Outlived, Pinned, Unclosed, View};
use crate::error::Place;
use crate::line::OneLine;
use std::collections::BTreeMap;
use std::fmt;

/// The stacks by opener, what is outlived, alike ones together, then what was not left and what was
/// misused. Names and places, no value.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in self.groups() {
            writeln!(f, "{group}")?;
        }
        if let Some(more) = self.truncated() {
            writeln!(f, "and {more} more stacks")?;
        }
        if self.outlived().is_empty() {
            f.write_str("no binding outlives its stack")?;
        } else {
            let many = self.outlived().len();
            write!(f, "{many} binding{} kept though left", if many == 1 { "" } else { "s" })?;
        }
        for (outlived, times) in alike(self.outlived()) {
            write!(f, "\n  ")?;
            if times > 1 {
                write!(f, "{times} times ")?;
            }
            write!(f, "{outlived}")?;
        }
        let mut derived: BTreeMap<(&str, Place), usize> = BTreeMap::new();
        for one in self.derived() {
            *derived.entry((one.name(), one.bound_at())).or_default() += 1;
        }
        for ((name, place), times) in derived {
            write!(f, "\n{times} of `{}` made at {place}", OneLine(name))?;
        }
        if self.missed() > 0 {
            write!(f, "\n  and {} for which there was no room", self.missed())?;
        }
        self.unclosed().iter().try_for_each(|unclosed| write!(f, "\n{unclosed}"))?;
        self.misuses().try_for_each(|(misuse, times)| write!(f, "\n{misuse}: {times} times"))
    }
}

/// Each once that differs in more than its age, with the oldest of it.
fn alike(outlived: &[Outlived]) -> Vec<(&Outlived, usize)> {
    let of = |outlived: &Outlived| {
        (outlived.name().to_owned(), outlived.bound_at(), outlived.captured_at())
    };
    let mut found = std::collections::HashMap::new();
    let mut all: Vec<(&Outlived, usize)> = Vec::new();
    for outlived in outlived {
        let at = *found.entry(of(outlived)).or_insert(all.len());
        match all.get_mut(at) {
            Some((_, times)) => *times += 1,
            None => all.push((outlived, 1)),
        }
    }
    all
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = if self.number() == 1 { "" } else { "s" };
        write!(f, "{} {}{many}", self.number(), self.kind())?;
        if let Some(place) = self.opened_at() {
            write!(f, " opened at {place}")?;
        }
        write!(f, ", {} running, the oldest for {:?}", self.running(), self.oldest())
    }
}

impl fmt::Display for Outlived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` bound at {}", OneLine(self.name()), self.bound_at())?;
        if let Some(place) = self.captured_at() {
            write!(f, ", captured at {place}")?;
        }
        write!(f, ", left {:?} ago", self.left())
    }
}

impl fmt::Display for Unclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not left by its guard: the checkpoint entered at ")?;
        match self.entered_at() {
            Some(place) => write!(f, "{place}")?,
            None => f.write_str("other places")?,
        }
        write!(f, ", {} times", self.times())
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` bound at {}", OneLine(self.name()), self.bound_at())
    }
}
