//! What a run comes to.

use super::comparison::Comparison;
use super::verify::Travels;
use std::fmt;

/// The end of a run; a part that was not asked for is missing.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) travels: Option<Travels>,
    pub(crate) comparison: Option<Comparison>,
}

impl Verdict {
    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let travels = self.travels.iter().flat_map(Travels::faults);
        travels.chain(self.comparison.iter().flat_map(Comparison::faults)).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.travels.iter().try_for_each(|travels| writeln!(f, "{travels}"))?;
        self.comparison.iter().try_for_each(|comparison| writeln!(f, "{comparison}"))
    }
}
