//! One series of figures against another: the ratio of their medians, and how far single rounds lie
//! apart.

use std::fmt;

/// How one way did against another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The median of one series by the median of the other.
    of_medians: f64,
    /// The quartiles of the ratios round by round.
    spread: (f64, f64),
}

impl Ratio {
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let rounds: Vec<f64> = ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
        Ratio {
            of_medians: median(ours) / median(theirs),
            spread: (quantile(&rounds, 0.25), quantile(&rounds, 0.75)),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.spread;
        write!(f, "{:.3} × (middle half of the rounds: {low:.3} to {high:.3})", self.of_medians)
    }
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// Between the two nearest figures, in proportion.
pub(crate) fn quantile(figures: &[f64], at: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = at * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}
