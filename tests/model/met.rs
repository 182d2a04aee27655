//! What programs have met: ways of the engine, things that values do, and pairs of features on one
//! stack.

use super::roots::take_ways;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The features that are to meet on one stack, each with each.
pub(crate) const FEATURES: [&str; 9] = [
    "short reach",
    "compaction",
    "batch",
    "known weakly",
    "prepared",
    "entered again",
    "goes on",
    "moved",
    "several threads",
];

static MET: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn add(name: String, times: usize) {
    let mut met = MET.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    *met.entry(name).or_default() += times;
}

pub(crate) fn note(name: &str) {
    add(name.into(), 1);
}

/// Collects the ways that the engine went on this thread.
pub(crate) fn collect() {
    take_ways().into_iter().for_each(|(way, times)| add(way.into(), times));
}

fn pair(one: &str, other: &str) -> String {
    format!("{one} and {other}")
}

/// All pairs of these features have met.
pub(crate) fn together(features: &[&str]) {
    let is_there = |feature: &&&str| features.contains(*feature);
    for (i, one) in FEATURES.iter().enumerate().filter(|(_, one)| is_there(one)) {
        FEATURES[i + 1..].iter().filter(is_there).for_each(|other| add(pair(one, other), 1));
    }
}

/// How often that was met.
pub(crate) fn times(name: &str) -> usize {
    MET.lock().unwrap().get(name).copied().unwrap_or(0)
}

/// A table of all pairs, and how often each was met; and the pairs that were not.
pub(crate) fn pairs() -> (String, Vec<String>) {
    let (mut table, mut missing) = (format!("{:16}", ""), Vec::new());
    FEATURES[1..].iter().for_each(|name| table += &format!("{name:>16}"));
    for (i, one) in FEATURES[..FEATURES.len() - 1].iter().enumerate() {
        table += &format!("\n{one:16}{}", " ".repeat(16 * i));
        for other in &FEATURES[i + 1..] {
            let name = pair(one, other);
            let times = times(&name);
            table += &format!("{times:16}");
            if times == 0 {
                missing.push(name);
            }
        }
    }
    (table, missing)
}
