//! Scopes that are entered again and again, which a thread caches: they show what is bound below
//! them at that time, not what was. Many small random programs of such scopes, against a plain
//! list.

use stackholm::{Context, Entered, Source, Var, embed};
use std::sync::Arc;

const VARS: usize = 20;

/// Every third value has a drop of its own, so that its frame goes another way, and every third is
/// not carried.
struct Variable {
    plain: Var<u64>,
    counted: Var<Arc<u64>>,
    short: Var<u64>,
}

impl Variable {
    fn new() -> Self {
        Variable {
            plain: Var::new("plain"),
            counted: Var::new("counted"),
            short: Var::new("short").stays_on_stack(),
        }
    }

    fn enter(&self, number: u64) -> Entered {
        match number % 3 {
            0 => self.plain.enter(number),
            1 => self.counted.enter(Arc::new(number)),
            _ => self.short.enter(number),
        }
    }

    fn see(&self) -> [Option<u64>; 3] {
        let counted = self.counted.try_with(|number| **number).ok();
        [
            self.plain.try_with(|number| *number).ok(),
            counted,
            self.short.try_with(|number| *number).ok(),
        ]
    }
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What is entered, outermost first: the variable and its number.
type Entries = Vec<(usize, u64)>;

/// The first `inherited` of them came with a context.
fn check(vars: &[Variable], inherited: usize, entries: &[(usize, u64)]) {
    let last = |at, kind, entries: &[(usize, u64)]| {
        entries.iter().rev().find(|entry| entry.0 == at && entry.1 % 3 == kind).map(|entry| entry.1)
    };
    for (at, var) in vars.iter().enumerate() {
        let expected =
            [last(at, 0, entries), last(at, 1, entries), last(at, 2, &entries[inherited..])];
        assert_eq!(var.see(), expected, "variable {at} above {entries:?}, {inherited} inherited");
    }
}

struct Program<'a> {
    vars: &'a [Variable],
    numbers: Numbers,
    kept: Vec<(Context, Entries)>,
    /// How many variables take part, how deep it goes, and how many numbers there are.
    shape: (usize, usize, u64),
}

impl Program<'_> {
    fn run(&mut self, inherited: &Entries, steps: u32) {
        let (vars, depth, values) = self.shape;
        let (mut entries, mut guards) = (inherited.clone(), Vec::new());
        for _ in 0..steps {
            match self.numbers.below(16) {
                0..7 if guards.len() < depth => {
                    let (at, number) =
                        (self.numbers.below(vars as u64) as usize, self.numbers.below(values));
                    guards.push(self.vars[at].enter(number));
                    entries.push((at, number));
                }
                7..13 if !guards.is_empty() => {
                    guards.pop();
                    entries.pop();
                }
                // All inside it are left with it; their guards find nothing.
                13 if !guards.is_empty() => {
                    let at = self.numbers.below(guards.len() as u64) as usize;
                    let inner = guards.split_off(at + 1);
                    drop(guards.pop());
                    drop(inner);
                    entries.truncate(inherited.len() + at);
                }
                14 if self.kept.len() < 4 => self.kept.push((Context::current(), entries.clone())),
                15 if !self.kept.is_empty() => {
                    let at = self.numbers.below(self.kept.len() as u64) as usize;
                    let (context, shown) = self.kept.swap_remove(at);
                    if steps > 8 {
                        embed::Stack::on(context).run(|| self.run(&shown, steps / 8));
                    }
                }
                _ => {}
            }
            check(self.vars, inherited.len(), &entries);
        }
        while guards.pop().is_some() {}
    }
}

#[test]
fn scopes_entered_again_show_what_lies_below_them_now() {
    let vars: Vec<_> = (0..VARS).map(|_| Variable::new()).collect();
    for seed in 0..if cfg!(debug_assertions) { 200 } else { 600 } {
        let shape = [(2, 3, 3), (3, 4, 4), (VARS, 6, 7), (5, 12, 100)][seed as usize % 4];
        let mut program = Program { vars: &vars, numbers: Numbers(seed), kept: Vec::new(), shape };
        program.run(&Vec::new(), 300);
        drop(program);
        check(&vars, 0, &[]);
    }
}

#[test]
fn a_scope_entered_again_from_another_line_names_that_line() {
    static PLAIN: Var<u64> = Var::new("plain");
    static DROPPED: Var<Arc<u64>> = Var::new("dropped");
    let enter: [fn() -> (Entered, u32); 4] = [
        || (PLAIN.enter(1), line!()),
        || (PLAIN.enter(2), line!()),
        || (DROPPED.enter(Arc::new(3)), line!()),
        || (DROPPED.enter(Arc::new(4)), line!()),
    ];
    let below = PLAIN.enter(0);
    for round in 0..20 {
        let (guard, line) = enter[round % 4]();
        let (source, context) = if round % 4 < 2 {
            (PLAIN.source(), Context::current().binding(&PLAIN).map(|binding| binding.place()))
        } else {
            (DROPPED.source(), Context::current().binding(&DROPPED).map(|binding| binding.place()))
        };
        let Source::Bound(place) = source else { panic!("it is bound: {source:?}") };
        assert_eq!(
            (place.line(), context.map(|place| place.line())),
            (line, Some(line)),
            "round {round}"
        );
        drop(guard);
        // What a context was taken of is made anew; without one it is entered again.
        let (guard, line) = enter[(round + 1) % 4]();
        drop(guard);
        let (guard, again) = enter[(round + 1) % 4]();
        let source = if (round + 1) % 4 < 2 { PLAIN.source() } else { DROPPED.source() };
        assert!(
            line == again && matches!(source, Source::Bound(place) if place.line() == again),
            "{source:?}"
        );
        drop(guard);
    }
    drop(below);
}

/// A thread keeps its last scopes in few places: of so many variables on one frame each shares its
/// place with others.
#[test]
fn scopes_of_variables_that_are_kept_in_one_place_are_told_apart() {
    let vars: Vec<_> = (0..100).map(|_| Variable::new()).collect();
    vars.iter().for_each(|var| drop((0..3).map(|number| var.enter(number)).collect::<Vec<_>>()));
    for below in [None, Some(vars[0].enter(0))] {
        for (at, var) in vars.iter().enumerate().skip(1) {
            for (number, other) in (0..).zip(vars.iter().skip(at % 2 + 1)) {
                drop(var.enter(number % 3));
                drop(other.enter(number));
                let entered = var.enter(number);
                let [mut expected, mut others] = [[None; 3]; 2];
                expected[number as usize % 3] = Some(number);
                if std::ptr::eq(var, other) {
                    others = expected;
                }
                assert_eq!((var.see(), other.see()), (expected, others), "{at} among others");
                drop(entered);
                assert_eq!((var.see(), other.see()), ([None; 3], [None; 3]));
            }
        }
        drop(below);
    }
}
