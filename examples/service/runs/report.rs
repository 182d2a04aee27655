//! The result of a run.

use super::comparison::Comparison;
use super::verify::Verification;
use std::fmt;

/// The end of a run; a part that was not asked for is missing.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) verification: Option<Verification>,
    pub(crate) comparison: Option<Comparison>,
}

impl Report {
    /// What was wrong, one line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let verification = self.verification.iter().flat_map(Verification::faults);
        verification.chain(self.comparison.iter().flat_map(Comparison::faults)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verification.iter().try_for_each(|verification| writeln!(f, "{verification}"))?;
        self.comparison.iter().try_for_each(|comparison| writeln!(f, "{comparison}"))
    }
}
