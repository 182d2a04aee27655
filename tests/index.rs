//! The index: right at every size, shaped by what it shows alone, and cheap to change.

mod counting;
mod variables;

use counting::counted;
use stackholm::{Checkpoint, Context, Prepared, Var, embed::Stack};
use std::collections::HashMap;
use variables::{Dice, apart, enter_all, in_a_row, leave_all};

/// Where one level of the index is full and the next begins: 32, 32² and 32³ variables and one
/// more.
const LEVELS: [usize; 3] = [33, 1_025, 32_769];

/// Ids in a row; all in one slot of a root; all in one slot of a root's child; across both.
const STEPS: [usize; 4] = [1, 32, 1_024, 37];

fn sizes() -> impl Iterator<Item = usize> {
    (1..=40).chain(LEVELS)
}

/// Debug builds go through the largest size once; release builds each time.
fn quick() -> usize {
    if cfg!(debug_assertions) { LEVELS[1] } else { LEVELS[2] }
}

fn shows(context: &Context, variables: &[Var<u64>], bound: usize) {
    for (i, var) in variables.iter().enumerate() {
        let value = (i < bound).then_some(i as u64);
        assert_eq!(context.get(var).copied(), value, "variable {i} with {bound} bound");
    }
    assert_eq!(context.len(), bound);
}

/// Binds one variable after the other in an open checkpoint, then pops them in the order of `down`.
fn up_and_down(variables: &[Var<u64>], down: &[usize]) {
    let all = variables.len();
    let often = all <= 40;
    Checkpoint::run(|| {
        for (i, var) in variables.iter().enumerate() {
            var.set(i as u64).unwrap();
            if often {
                shows(&Context::current(), variables, i + 1);
            }
        }
        let full = Context::current();
        shows(&full, variables, all);
        let mut gone = vec![false; all];
        for (left, &i) in (0..all).rev().zip(down) {
            assert!(variables[i].pop().unwrap());
            gone[i] = true;
            if often || left % 8_192 == 0 {
                let now = Context::current();
                assert_eq!(now.len(), left);
                assert!(
                    variables.iter().zip(&gone).all(|(var, gone)| now.get(var).is_none() == *gone)
                );
            }
        }
        assert!(Context::current().is_empty() && Context::current() == Context::empty());
        shows(&full, variables, all);
    });
    assert!(Context::current().is_empty());
}

#[test]
fn every_size_through_the_level_changes_reads_right_up_and_down_in_a_row() {
    for size in sizes() {
        let variables = apart(size, 1);
        let mut down: Vec<usize> = (0..size).collect();
        up_and_down(&variables, &down);
        down.reverse();
        if size <= quick() {
            up_and_down(&variables, &down);
        }
    }
}

#[test]
fn every_size_reads_right_with_scattered_ids() {
    for step in STEPS {
        for size in (1..=40).chain([1_025 / step.min(32)]) {
            let variables = apart(size, step);
            let mut down: Vec<usize> = (0..size).collect();
            Dice(step as u64).shuffle(&mut down);
            up_and_down(&variables, &down);
        }
    }
}

#[test]
fn scopes_nested_through_the_levels_read_right_on_the_way_out() {
    for size in sizes().filter(|size| *size <= quick()) {
        let variables = apart(size, 1);
        let mut guards = enter_all(&variables);
        while guards.pop().is_some() {
            let last = guards.len();
            assert!(!variables[last].is_bound());
            assert!(last == 0 || variables[last - 1].get() == last as u64 - 1);
        }
        assert!(variables.iter().all(|var| !var.is_bound()));
    }
}

#[test]
fn ids_that_are_alike_in_their_low_bits_are_told_apart() {
    let variables = apart(3, 32 * 1_024);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let context = order
            .iter()
            .fold(Context::empty(), |context, &i| context.with(&variables[i], i as u64));
        shows(&context, &variables, 3);
        let two = Context::empty().with(&variables[0], 0).with(&variables[1], 1);
        assert_eq!(two.get(&variables[2]), None);
    }
}

/// What each variable is bound to, once and for all, so that contexts made in any order can be
/// equal.
fn prepared(variables: &[Var<u64>]) -> Vec<Prepared<'_>> {
    variables.iter().enumerate().map(|(i, var)| Checkpoint::prepare().set(var, i as u64)).collect()
}

/// Enters the bindings in that order, with `detours` bound and popped on the way.
fn built(bindings: &[Prepared<'_>], order: &[usize], detours: &[Var<u64>]) -> Context {
    let mut dice = Dice(order.len() as u64 + detours.len() as u64);
    let guards: Vec<_> = order
        .iter()
        .map(|&i| {
            let guard = bindings[i].enter();
            if !detours.is_empty() {
                let detour = &detours[dice.roll(detours.len())];
                detour.set(0).unwrap();
                assert!(detour.pop().unwrap());
            }
            guard
        })
        .collect();
    let context = Context::current();
    leave_all(guards);
    context
}

#[test]
fn the_shape_depends_on_the_content_and_not_on_the_history() {
    let mut dice = Dice(44);
    for step in STEPS {
        for size in [1, 2, 3, 8, 31, 32, 33, 40, 100] {
            let variables = apart(2 * size, step);
            let (shown, detours) = variables.split_at(size);
            let bindings = prepared(shown);
            let mut order: Vec<usize> = (0..size).collect();
            let first = built(&bindings, &order, &[]);
            for _ in 0..4 {
                dice.shuffle(&mut order);
                let other = built(&bindings, &order, detours);
                assert_eq!([first == other, other == first], [true; 2], "{size}, {step} apart");
                assert!(first.changes(&other).is_empty());
                shows(&other, shown, size);
            }
            let fewer = built(&bindings, &order[1..], detours);
            assert_eq!([fewer == first, first == fewer], [false; 2]);
            assert_eq!(fewer.changes(&first).len(), 1);
        }
    }
}

#[test]
fn equal_values_bound_apart_are_not_equal_contexts_and_masks_are() {
    let [a, b] = <[Var<u64>; 2]>::try_from(apart(2, 32)).unwrap();
    let base = Context::empty().with(&a, 1);
    assert!(base.with(&b, 2) != base.with(&b, 2));
    assert!(base.without(&b) == base.without(&b));
    assert!(base.without(&b) == base, "a mask of what is not bound changes nothing");
}

/// What `before` and `after` bind differently, by looking at each variable in turn.
fn differing(before: &Context, after: &Context, variables: &[Var<u64>]) -> usize {
    variables.iter().filter(|var| before.binding(var) != after.binding(var)).count()
}

#[test]
fn changes_are_found_exactly_whatever_the_shapes() {
    let mut dice = Dice(45);
    for step in STEPS {
        let variables = apart(70, step);
        let mut versions = vec![Context::empty()];
        for _ in 0..60 {
            let from = versions[dice.roll(versions.len())].clone();
            let next = (0..=dice.roll(40)).fold(from, |context, _| {
                let var = &variables[dice.roll(variables.len())];
                if dice.roll(4) == 0 {
                    context.without(var)
                } else {
                    context.with(var, dice.roll(1_000) as u64)
                }
            });
            versions.push(next);
        }
        for _ in 0..60 {
            let (a, b) = (&versions[dice.roll(61)], &versions[dice.roll(61)]);
            let changes = a.changes(b);
            assert_eq!(changes.len(), differing(a, b, &variables));
            for change in changes {
                let var = variables
                    .iter()
                    .find(|var| change.before.or(change.after).unwrap().is_of(var))
                    .unwrap();
                assert_eq!((change.before, change.after), (a.binding(var), b.binding(var)));
            }
        }
    }
}

#[test]
fn one_change_of_ten_thousand_variables_makes_at_most_depth_nodes() {
    const BOUND: usize = 10_000;
    // Three levels of 32 words and their heads, and the frame with its value.
    let depth_nodes = 3 * (32 + 1) * 8 + 160;
    let variables = apart(BOUND, 1);
    let all = variables
        .iter()
        .enumerate()
        .fold(Context::empty(), |context, (i, var)| context.with(var, i as u64));
    let mut dice = Dice(10_000);
    let mut whole = 0;
    for _ in 0..1_000 {
        let i = dice.roll(BOUND);
        let (changed, spent) = counted(|| all.with(&variables[i], 0));
        // None if the thread had kept a block of that size; with words of 32 bits they are small
        // enough.
        assert!(spent.blocks <= 1);
        whole += usize::from(spent.bytes > depth_nodes);
        let changes = all.changes(&changed);
        assert_eq!(changes.len(), 1);
        assert!(
            [changes[0].before, changes[0].after]
                .iter()
                .flatten()
                .all(|binding| binding.is_of(&variables[i]))
        );
    }
    // Each is derived from one and the same frame, so either none or all of them would be a whole
    // index.
    assert_eq!(whole, 0, "of a thousand changes so many took more than {depth_nodes} bytes");
    let guards = [all.enter(), variables[7].enter(0)];
    let (guard, spent) = counted(|| variables[BOUND / 2].enter(0));
    assert!(spent.blocks <= 1 && spent.bytes <= depth_nodes, "{spent:?}");
    drop(guard);
    leave_all(guards.into());
    let guards = [all.enter(), Checkpoint::enter()];
    let (popped, spent) = counted(|| variables[BOUND / 2].pop());
    assert!(popped.unwrap() && !variables[BOUND / 2].is_bound());
    assert!(spent.blocks <= 1 && spent.bytes <= depth_nodes, "taken out: {spent:?}");
    leave_all(guards.into());
}

#[test]
fn whole_indices_are_written_rarely_however_many_variables_are_bound() {
    const BOUND: usize = 2_000;
    let variables = apart(BOUND, 1);
    let mut context = variables.iter().fold(Context::empty(), |context, var| context.with(var, 0));
    let mut whole = 0;
    for i in 0..3 * BOUND {
        let (next, spent) = counted(|| context.with(&variables[i * 7 % BOUND], i as u64));
        whole += usize::from(spent.bytes > 2_048);
        context = next;
    }
    assert!((1..=2).contains(&whole), "{whole} in {} changes", 3 * BOUND);
}

/// One version and what it must show: `None` for a mask.
type Version = (Context, HashMap<usize, Option<u64>>);

fn agrees((context, model): &Version, variables: &[Var<u64>]) {
    let bound = model.values().flatten().count();
    assert_eq!(context.len(), bound);
    assert_eq!(context.iter().count(), bound);
    for (i, var) in variables.iter().enumerate() {
        assert_eq!(context.get(var).copied(), model.get(&i).copied().flatten());
    }
}

#[test]
fn all_versions_of_a_thousand_derived_contexts_stay_as_they_were() {
    for step in [1, 32, 41] {
        let variables = apart(100, step);
        let mut dice = Dice(46 + step as u64);
        let mut versions: Vec<Version> = vec![Default::default()];
        for i in 0..1_000 {
            let newest = versions.len() - 1;
            let from = if dice.roll(4) == 0 { dice.roll(versions.len()) } else { newest };
            let (context, mut model) = versions[from].clone();
            let at = dice.roll(variables.len());
            let value = (dice.roll(5) != 0).then_some(i);
            model.insert(at, value);
            let context = match value {
                Some(value) => context.with(&variables[at], value),
                None => context.without(&variables[at]),
            };
            versions.push((context, model));
        }
        versions.iter().for_each(|version| agrees(version, &variables));
        dice.shuffle(&mut versions);
        while let Some(version) = versions.pop() {
            agrees(&version, &variables);
            drop(version);
            versions.iter().rev().take(1).for_each(|left| agrees(left, &variables));
        }
    }
}

/// The checkpoints of a stack, each with what it did to some variables: bound, masked, or shown
/// from further out.
#[derive(Default)]
struct Oracle(Vec<HashMap<usize, Option<u64>>>);

impl Oracle {
    fn sees(&self) -> HashMap<usize, Option<u64>> {
        self.0.iter().fold(HashMap::new(), |mut all, checkpoint| {
            all.extend(checkpoint);
            all
        })
    }
}

#[test]
fn all_versions_of_a_thousand_steps_on_a_stack_stay_as_they_were() {
    for step in [1, 32, 41] {
        let variables = apart(60, step);
        let mut dice = Dice(1_000 + step as u64);
        let (mut versions, mut guards, mut oracle) = (Vec::new(), Vec::new(), Oracle::default());
        for i in 0..1_000 {
            let at = dice.roll(variables.len());
            match dice.roll(10) {
                0 if guards.len() < 30 => {
                    guards.push(Checkpoint::enter());
                    oracle.0.push(HashMap::new());
                }
                1 => {
                    guards.pop();
                    oracle.0.pop();
                }
                2 if !guards.is_empty() => {
                    variables[at].unset().unwrap();
                    oracle.0.last_mut().unwrap().insert(at, None);
                }
                3 if !guards.is_empty() => {
                    variables[at].reset().unwrap();
                    oracle.0.last_mut().unwrap().remove(&at);
                }
                _ if !guards.is_empty() => {
                    variables[at].set(i).unwrap();
                    oracle.0.last_mut().unwrap().insert(at, Some(i));
                }
                _ => {}
            }
            versions.push((Context::current(), oracle.sees()));
        }
        leave_all(guards);
        versions.iter().for_each(|version| agrees(version, &variables));
    }
}

#[test]
fn a_binding_between_many_others_of_one_node_moves_none_of_them() {
    static MANY: [Var<u64>; 32] = [const { Var::new("one of many") }; 32];
    in_a_row(&MANY);
    let others_are_right =
        |between| (0..32).filter(|&i| i != between).all(|i| MANY[i].get() == i as u64);
    for (between, middle) in MANY.iter().enumerate() {
        let outside: Vec<_> =
            (0..32).filter(|&i| i != between).map(|i| MANY[i].enter(i as u64)).collect();
        for value in [100, 101] {
            middle
                .sync_scope(value, || assert!(middle.get() == value && others_are_right(between)));
            assert!(!middle.is_bound() && others_are_right(between));
        }
        leave_all(outside);
    }
}

/// One variable of a further node goes, and the others of that node stay what they were: inherited.
/// So nothing is looked for further out than they are.
#[test]
fn what_was_inherited_stays_so_when_a_variable_of_the_same_node_is_taken_out() {
    // 32 apart: one node below the root. 1024: a node of one slot and one further down.
    for (number, step) in [(2, 32), (3, 32), (2, 1024), (3, 1024), (33, 32)] {
        for popped in [false, true] {
            taken_out_beside_inherited(number, step, popped);
        }
    }
}

/// The stack binds something elsewhere first, so that what it inherited lies in its index node by
/// node; and, in a node above the inherited ones, what it takes out again.
fn taken_out_beside_inherited(number: usize, step: usize, popped: bool) {
    let inherited = apart(number, step);
    // The first id after them may belong to their own node, where it would stay.
    let own = &apart(80, 1)[10..];
    let context = inherited.iter().fold(Context::empty(), |context, var| context.with(var, 7));
    for beside in [0, 1, 40, 70] {
        let what = format!("{number} {step} apart, {beside} beside");
        Stack::on(context.clone()).run(|| {
            for var in &own[..beside] {
                var.set(1).unwrap();
            }
            for var in own[..beside].iter().skip(1) {
                if popped { assert!(var.pop().unwrap()) } else { var.reset().unwrap() }
            }
            assert!(inherited[0].pop().unwrap());
            for var in &inherited[1..] {
                assert_eq!(
                    (var.get(), var.history().len()),
                    (7, 1),
                    "{what}: the one that was inherited"
                );
            }
            for var in &inherited[1..] {
                assert!(var.pop().unwrap());
                assert!(!var.is_bound(), "{what}: nothing is further out");
            }
            assert!(inherited.iter().all(|var| !var.is_bound()), "{what}");
        });
    }
}
