//! The index alone, against a persistent map.

use arbitrary::Arbitrary;
use imbl::HashMap;
use stackholm::{Context, Var};

/// One step on one of the versions.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Step {
    With { version: u8, var: u16 },
    WithMany { version: u8, first: u16, stride: u8, number: u8 },
    Without { version: u8, var: u16 },
    Changes { one: u8, other: u8 },
    Fork { version: u8 },
    Drop { version: u8 },
}

/// Variables with ids that follow each other.
pub(crate) fn vars(number: usize) -> Vec<Var<u64>> {
    let vars: Vec<Var<u64>> = (0..number).map(|n| Var::named(n.to_string())).collect();
    // Their ids are handed out in order of first use.
    for var in &vars {
        drop(Context::empty().with(var, 0));
    }
    vars
}

type Version = (Context, HashMap<usize, Option<u64>>);

struct Versions<'a> {
    vars: &'a [Var<u64>],
    all: Vec<Version>,
    last: u64,
}

/// Runs steps over `vars`; all versions are kept and compared again at the end.
pub(crate) fn run(vars: &[Var<u64>], steps: &[Step]) -> usize {
    let mut versions = Versions { vars, all: vec![Version::default()], last: 0 };
    for step in steps {
        versions.apply(*step);
    }
    for version in &versions.all {
        check(vars, version);
    }
    steps.len()
}

impl Versions<'_> {
    fn at(&self, number: u8) -> usize {
        usize::from(number) % self.all.len()
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::With { version, var } => self.with(self.at(version), usize::from(var)),
            Step::WithMany { version, first, stride, number } => {
                let at = self.at(version);
                for n in 0..usize::from(number) {
                    self.with(at, usize::from(first) + n * usize::from(stride));
                }
                check(self.vars, &self.all[at]);
            }
            Step::Without { version, var } => {
                let (at, var) = (self.at(version), usize::from(var) % self.vars.len());
                let (context, map) = &mut self.all[at];
                *context = context.without(&self.vars[var]);
                map.insert(var, None);
                assert_eq!(context.get(&self.vars[var]), None);
            }
            Step::Changes { one, other } => {
                changes(self.vars, &self.all[self.at(one)], &self.all[self.at(other)])
            }
            Step::Fork { version } => {
                if self.all.len() < 12 {
                    self.all.push(self.all[self.at(version)].clone());
                }
            }
            Step::Drop { version } => {
                if self.all.len() > 1 {
                    let at = self.at(version);
                    check(self.vars, &self.all.swap_remove(at));
                }
            }
        }
    }

    fn with(&mut self, at: usize, var: usize) {
        self.last += 1;
        let var = var % self.vars.len();
        let (context, map) = &mut self.all[at];
        let before = context.clone();
        *context = before.with(&self.vars[var], self.last);
        let old = map.insert(var, Some(self.last)).flatten();
        assert_eq!(before.get(&self.vars[var]).copied(), old, "the version before is as it was");
        assert_eq!(context.get(&self.vars[var]), Some(&self.last));
    }
}

fn check(vars: &[Var<u64>], (context, map): &Version) {
    for (n, var) in vars.iter().enumerate() {
        assert_eq!(context.get(var).copied(), map.get(&n).copied().flatten(), "variable {n}");
    }
    let mut bound: Vec<usize> =
        map.iter().filter(|(_, value)| value.is_some()).map(|(n, _)| *n).collect();
    bound.sort_unstable();
    assert_eq!(context.len(), bound.len());
    let names = context.iter().map(|binding| binding.name().parse::<usize>().expect("a number"));
    assert!(names.eq(bound), "each binding once, in order");
}

fn changes(vars: &[Var<u64>], (one, a): &Version, (other, b): &Version) {
    let mut found: Vec<_> = one
        .changes(other)
        .iter()
        .map(|change| {
            let name = change.before.or(change.after).expect("one of them").name();
            assert!(change.before.is_none_or(|before| before.name() == name));
            assert!(change.after.is_none_or(|after| after.name() == name));
            let n: usize = name.parse().expect("a number");
            (
                n,
                change.before.and(one.get(&vars[n])).copied(),
                change.after.and(other.get(&vars[n])).copied(),
            )
        })
        .collect();
    let value = |map: &HashMap<usize, Option<u64>>, n| map.get(&n).copied().flatten();
    let mut expected: Vec<_> = (0..vars.len())
        .map(|n| (n, value(a, n), value(b, n)))
        .filter(|(_, before, after)| before != after)
        .collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "changes");
    assert_eq!(one == other, expected.is_empty(), "equality");
}
