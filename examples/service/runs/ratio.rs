//! One series of figures against another: the ratio of their medians, how far single rounds lie
//! apart, and whether the machine was quiet enough for either.

use std::fmt;
use std::time::Duration;

/// If a way of carrying that is run twice differs from itself by more than this, the machine is too
/// busy with other work.
const MOST_CHANCE: f64 = 0.05;

/// How one way did against another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    value: f64,
    detail: Detail,
}

/// What is said beside a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Detail {
    /// The quartiles of the ratios round by round.
    Spread { low: f64, high: f64, rounds: usize },
    /// How many microseconds more.
    More(f64),
}

impl Ratio {
    /// The median of one series by the median of the other.
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let rounds: Vec<f64> = ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
        let (low, high) = (quantile(&rounds, 0.25), quantile(&rounds, 0.75));
        let detail = Detail::Spread { low, high, rounds: rounds.len() };
        Ratio { value: median(ours) / median(theirs), detail }
    }

    pub(crate) fn of_times(ours: Duration, theirs: Duration) -> Self {
        let more = (ours.as_secs_f64() - theirs.as_secs_f64()) * 1e6;
        Ratio { value: ours.div_duration_f64(theirs), detail: Detail::More(more) }
    }

    /// By how much the same way differs from itself: the distance of the ratio from one, or the
    /// standard error of the median, whichever is larger.
    fn chance(self) -> f64 {
        let off = self.value.max(1.0 / self.value) - 1.0;
        match self.detail {
            // The standard error of a median: 1.25 σ / √n, where the middle half is 1.35 σ wide.
            Detail::Spread { low, high, rounds } => {
                off.max(1.25 / 1.35 * (high - low) / (rounds as f64).sqrt())
            }
            Detail::More(_) => off,
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} × ", self.value)?;
        match self.detail {
            Detail::Spread { low, high, .. } => {
                write!(f, "(middle half of the rounds: {low:.3} to {high:.3})")
            }
            Detail::More(micros) => write!(f, "({micros:+.1} µs)"),
        }
    }
}

/// The ratios of one kind of figure, and how far a way is off itself.
#[derive(Debug)]
pub(crate) struct Ratios {
    pub(crate) what: &'static str,
    pub(crate) pairs: Vec<(&'static str, Ratio)>,
    /// Of one way that was run twice, if it was.
    pub(crate) itself: Option<Ratio>,
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratios { what, pairs, itself } = self;
        match itself.map(|itself| itself.chance()) {
            _ if pairs.is_empty() && itself.is_none() => return Ok(()),
            // If nothing was measured it is not a number.
            Some(chance) if chance.is_nan() || chance > MOST_CHANCE => {
                return writeln!(
                    f,
                    "{what}: the same way against itself differs by {:.0} %: \
                     this machine is too busy for ratios",
                    chance * 100.0
                );
            }
            Some(chance) => writeln!(
                f,
                "{what}: the same way against itself differs by {:.1} %",
                chance * 100.0
            )?,
            None => writeln!(
                f,
                "{what}: no way ran twice, so chance is not known (--only …,record,again)"
            )?,
        }
        pairs.iter().try_for_each(|(name, ratio)| writeln!(f, "  {name:<30} {ratio}"))
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

#[cfg(test)]
mod tests {
    use super::{Ratio, Ratios};

    fn shown(itself: Option<[f64; 2]>) -> String {
        let itself = itself.map(|[ours, theirs]| Ratio::of(&[ours], &[theirs]));
        let pairs = vec![("contexts / nothing", Ratio::of(&[9.0], &[10.0]))];
        Ratios { what: "throughput", pairs, itself }.to_string()
    }

    #[test]
    fn a_busy_machine_is_said_to_be_busy_and_shows_no_ratio() {
        let busy = "throughput: the same way against itself differs by 26 %: \
                    this machine is too busy for ratios\n";
        assert_eq!(shown(Some([126.0, 100.0])), busy);
        assert_eq!(shown(Some([100.0, 126.0])), busy);
    }

    #[test]
    fn a_machine_is_busy_too_if_only_the_medians_agree() {
        let theirs = [100.0; 9];
        let steady = [99.0, 99.0, 99.0, 99.0, 100.0, 101.0, 101.0, 101.0, 101.0];
        let wild = [50.0, 60.0, 70.0, 80.0, 100.0, 120.0, 140.0, 160.0, 200.0];
        let shown = |ours: [f64; 9]| {
            let itself = Some(Ratio::of(&ours, &theirs));
            Ratios { what: "throughput", pairs: Vec::new(), itself }.to_string()
        };
        assert!(!shown(steady).contains("too busy"), "{}", shown(steady));
        assert!(
            shown(wild).contains("differs by 22 %: this machine is too busy"),
            "{}",
            shown(wild)
        );
    }

    #[test]
    fn a_quiet_machine_shows_its_ratios_and_how_far_chance_goes() {
        let ratio = "  contexts / nothing             0.900 × \
                     (middle half of the rounds: 0.900 to 0.900)\n";
        let quiet = "throughput: the same way against itself differs by 2.0 %\n";
        assert_eq!(shown(Some([102.0, 100.0])), format!("{quiet}{ratio}"));
        let unknown = "throughput: no way ran twice, so chance is not known \
                       (--only …,record,again)\n";
        assert_eq!(shown(None), format!("{unknown}{ratio}"));
    }
}
