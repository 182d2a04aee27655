//! Contexts made of others: built at once, extended, laid over each other, merged, patched.

#[path = "common/futures.rs"]
mod common;
mod counting;
mod variables;

use common::Count;
use counting::counted;
use proptest::prelude::*;
use stackholm::{Checkpoint, Clash, Context, Keep, Missing, NotOpen, Patch, Reason, Var};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use variables::apart;

/// How many variables the random contexts are about: several levels of the index, and so many that
/// both ways of making a context are met.
const MANY: usize = if cfg!(miri) { 24 } else { 150 };

/// So far apart are their ids. Miri takes a millisecond for each variable in between.
const APART: usize = if cfg!(miri) { 2 } else { 37 };

static VARIABLES: LazyLock<Vec<Var<u64>>> = LazyLock::new(|| apart(MANY, APART));

/// What a context shows of a variable: a number that no other binding has, or a mask.
type Oracle = BTreeMap<usize, Option<u64>>;

#[derive(Clone, Debug)]
enum Step {
    Bind(usize),
    Mask(usize),
    /// Many at once.
    Extend(Vec<(usize, bool)>),
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let (most, at_once) = if cfg!(miri) { (most / 3 + 1, 16) } else { (most, 60) };
    let step = prop_oneof![
        4 => (0..MANY).prop_map(Step::Bind),
        1 => (0..MANY).prop_map(Step::Mask),
        1 => prop::collection::vec((0..MANY, prop::bool::weighted(0.8)), 1..at_once).prop_map(Step::Extend),
    ];
    prop::collection::vec(step, 0..most)
}

/// A context, and what it must show.
#[derive(Clone)]
struct Both(Context, Oracle);

/// Gives each binding a value of its own.
#[derive(Default)]
struct Serial(u64);

impl Serial {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    /// What comes of `from` by those steps.
    fn walk(&mut self, from: &Both, steps: &[Step]) -> Both {
        let Both(mut context, mut oracle) = from.clone();
        for step in steps {
            match step {
                Step::Bind(i) => {
                    let value = self.next();
                    context = context.with(&VARIABLES[*i], value);
                    oracle.insert(*i, Some(value));
                }
                Step::Mask(i) => {
                    context = context.without(&VARIABLES[*i]);
                    oracle.insert(*i, None);
                }
                Step::Extend(changes) => {
                    let mut builder = context.extend();
                    for (i, is_bound) in changes {
                        let value = is_bound.then(|| self.next());
                        builder = match value {
                            Some(value) => builder.set(&VARIABLES[*i], value),
                            None => builder.unset(&VARIABLES[*i]),
                        };
                        oracle.insert(*i, value);
                    }
                    context = builder.done();
                }
            }
        }
        Both(context, oracle)
    }
}

/// What the context shows of each variable that it binds or masks.
fn shown(context: &Context) -> Oracle {
    let masked = |missing: &Missing| matches!(missing.reason(), Reason::Masked(_));
    let see = |(i, var)| match context.try_get(var) {
        Ok(value) => Some((i, Some(*value))),
        Err(missing) => masked(&missing).then_some((i, None)),
    };
    VARIABLES.iter().enumerate().filter_map(see).collect()
}

/// What is bound of it.
fn bound(oracle: &Oracle) -> BTreeMap<usize, u64> {
    oracle.iter().filter_map(|(i, value)| Some((*i, (*value)?))).collect()
}

/// Compares every count with those who have one.
fn check_counts(contexts: &[&Context], patches: &[&Patch]) {
    #[cfg(debug_assertions)]
    {
        let mut roots = stackholm::proof::Roots::default();
        contexts.iter().for_each(|context| roots.context(context));
        patches.iter().for_each(|patch| roots.patch(patch));
        #[expect(unsafe_code, reason = "the walk follows what is named")]
        // SAFETY: this thread has all of it, and nothing happens meanwhile.
        unsafe {
            roots.check();
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = (contexts, patches);
}

fn cases() -> ProptestConfig {
    let cases = if cfg!(miri) { 1 } else { 64 };
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(cases())]

    /// The three come of one base, so that they share most of their index.
    #[test]
    fn what_is_made_of_random_contexts_shows_what_the_oracle_says(
        base in steps(30), one in steps(8), two in steps(8), three in steps(3),
    ) {
        let mut serial = Serial::default();
        let base = serial.walk(&Both(Context::empty(), Oracle::new()), &base);
        let a = serial.walk(&base, &one);
        let b = serial.walk(&base, &two);
        let c = serial.walk(&b, &three);
        for both in [&base, &a, &b, &c] {
            prop_assert_eq!(&shown(&both.0), &both.1, "by its own steps");
        }
        let over = |low: &Oracle, top: &Oracle| -> Oracle {
            low.iter().chain(top).map(|(i, value)| (*i, *value)).collect()
        };

        let laid = a.0.overlay(&b.0);
        prop_assert_eq!(shown(&laid), over(&a.1, &b.1));
        prop_assert!(laid == a.0.merge(&b.0, |_| Keep::Theirs));
        let left = a.0.overlay(&b.0).overlay(&c.0);
        let right = a.0.overlay(&b.0.overlay(&c.0));
        prop_assert!(left == right, "associative");
        prop_assert_eq!(shown(&left), shown(&right));

        let mut clashes = Vec::new();
        let ours = a.0.merge(&b.0, |clash| {
            clashes.push(clash.name().to_owned());
            Keep::Ours
        });
        prop_assert_eq!(shown(&ours), over(&b.1, &a.1));
        let differ = |i: &usize| b.1.get(i).is_some_and(|there| a.1[i] != *there);
        let mut expected: Vec<_> = a.1.keys().filter(|i| differ(i)).map(|i| i.to_string()).collect();
        clashes.sort();
        expected.sort();
        prop_assert_eq!(clashes, expected, "each clash once, and nothing else");
        let neither = a.0.merge(&b.0, |_| Keep::Neither);
        let masked = a.1.keys().filter(|i| differ(i)).map(|i| (*i, None));
        prop_assert_eq!(shown(&neither), over(&over(&a.1, &b.1), &masked.collect()));

        let patch = a.0.patch_to(&b.0);
        let patched = patch.apply(&a.0);
        prop_assert_eq!(bound(&shown(&patched)), bound(&b.1));
        let after = shown(&patched);
        for (i, value) in &b.1 {
            prop_assert_eq!(after.get(i), Some(value), "masks are in it");
        }
        prop_assert_eq!(patch.is_empty(), patch.names().next().is_none());
        prop_assert!(a.0.patch_to(&a.0).is_empty());
        prop_assert!(patch.apply(&patched).ptr_eq(&patched), "it shows all of it already");
        let elsewhere = patch.apply(&c.0);
        for (i, var) in VARIABLES.iter().enumerate() {
            let of_patch = patch.of(var).map(|(_, after)| after.copied());
            let of_c = c.1.get(&i).copied().flatten();
            prop_assert_eq!(elsewhere.get(var).copied(), of_patch.unwrap_or(of_c));
        }

        let common = Context::common(&[&a.0, &b.0, &c.0]);
        let in_all = |(i, value): &(&usize, &Option<u64>)| {
            [&b, &c].iter().all(|other| other.1.get(i) == Some(value))
        };
        let expected: Oracle = a.1.iter().filter(in_all).map(|(i, v)| (*i, *v)).collect();
        prop_assert_eq!(shown(&common), expected);

        let made = [&laid, &left, &right, &ours, &neither, &patched, &elsewhere, &common];
        let made: Vec<_> = made.into_iter().chain([&base.0, &a.0, &b.0, &c.0]).collect();
        check_counts(&made, &[&patch]);
        let expected = shown(&neither);
        drop((base, a, b, c, laid, left, right, ours, patch, patched, elsewhere, common));
        prop_assert_eq!(shown(&neither), expected, "it keeps what it shows");
        check_counts(&[&neither], &[]);
    }
}

#[test]
fn laid_over_itself_or_over_nothing_a_context_is_itself_without_an_allocation() {
    let context = Context::empty().with(&VARIABLES[0], 7).with(&VARIABLES[1], 8);
    let same = |made: Context| assert!(made.ptr_eq(&context));
    let ways: [(&str, &dyn Fn()); 8] = [
        ("itself", &|| same(context.overlay(&context))),
        ("nothing", &|| same(context.overlay(&Context::empty()))),
        ("over nothing", &|| same(Context::empty().overlay(&context))),
        ("merged", &|| same(context.merge(&context, |_| unreachable!("nothing differs")))),
        ("common", &|| same(Context::common(&[&context]))),
        ("of none", &|| assert!(Context::common(&[]).is_empty())),
        ("patch", &|| assert!(context.patch_to(&context).is_empty())),
        ("extended", &|| same(context.extend().done())),
    ];
    for (way, f) in ways {
        assert_eq!(counted(f).1.blocks, 0, "{way}");
    }
    let later = context.with(&VARIABLES[2], 9);
    assert!(context.overlay(&later).ptr_eq(&later), "it shows all that both show");
}

#[test]
fn a_single_change_right_after_a_shared_part_is_found_once_wherever_it_is() {
    let most = if cfg!(miri) { 34 } else { 1_100 };
    let counts: &[usize] =
        if cfg!(miri) { &[2, 33] } else { &[1, 2, 31, 32, 33, 64, 65, 1_024, 1_025, most] };
    let variables = apart(most, 1);
    for &count in counts {
        let build = |builder, (i, var)| {
            let builder: stackholm::ContextBuilder = builder;
            builder.set(var, i as u64)
        };
        let base = variables[..count].iter().enumerate().fold(Context::build(), build).done();
        for (i, var) in
            variables[..count].iter().enumerate().step_by(if cfg!(miri) { 8 } else { 1 })
        {
            let changed = base.with(var, 1 << 32);
            let found = base.changes(&changed);
            assert_eq!(found.len(), 1, "{i} of {count}");
            assert!(found[0].after.unwrap().is_of(var));
            let patch = base.patch_to(&changed);
            assert_eq!(patch.of(var), Some((Some(&(i as u64)), Some(&(1 << 32)))));
            assert_eq!(patch.names().collect::<Vec<_>>(), [var.name()]);
            assert!(base.overlay(&changed).ptr_eq(&changed));
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "it compares costs")]
fn three_differences_of_ten_thousand_bindings_cost_what_they_cost_of_one_hundred() {
    let cost = |many: usize| {
        let variables = apart(many, 1);
        let base =
            variables.iter().fold(Context::build(), |builder, var| builder.set(var, 1)).done();
        let change = |context: &Context, at: usize| context.with(&variables[at], 2);
        let one = change(&change(&base, many / 2), many / 7);
        let other = change(&base, many - 3);
        let (merged, spent) = counted(|| one.overlay(&other));
        assert_eq!(merged.get(&variables[many - 3]), Some(&2));
        assert_eq!(merged.get(&variables[many / 2]), Some(&1), "what is on top binds it too");
        let (patch, patching) = counted(|| one.patch_to(&other));
        assert_eq!(patch.changes().count(), 3);
        let (_, applying) = counted(|| patch.apply(&one));
        [spent.bytes, patching.bytes, applying.bytes]
    };
    let (few, many) = (cost(100), cost(10_000));
    for (few, many) in few.into_iter().zip(many) {
        assert!(many <= 3 * few + 2_048, "{many} bytes, {few} of one hundred");
    }
}

#[test]
#[cfg_attr(miri, ignore = "it counts bytes")]
fn a_base_of_ten_thousand_variables_takes_at_most_150_bytes_for_each() {
    let many = 10_000;
    let variables = apart(many, 1);
    let set = |builder: stackholm::ContextBuilder, (i, var)| builder.set(var, i as u64);
    let (base, spent) = counted(|| variables.iter().enumerate().fold(Context::build(), set).done());
    let each = spent.live as f64 / many as f64;
    assert!(each <= 150.0, "{each} bytes for each variable");
    assert_eq!(base.len(), many);
    assert!(variables.iter().enumerate().all(|(i, var)| base.get(var) == Some(&(i as u64))));
    base.run(|| assert_eq!(variables[many - 1].get(), many as u64 - 1));
    let ((), given) = counted(|| drop(base));
    // But for what the variables keep themselves, and the thread for its next frames.
    assert!(given.live <= -(spent.live * 4 / 5), "all is given back: {given:?} of {spent:?}");
}

#[test]
fn what_all_requests_of_a_batch_share_is_what_they_have_in_common() {
    static TENANT: Var<&str> = Var::new("tenant");
    static USER: Var<u32> = Var::new("user");
    static GONE: Var<u32> = Var::new("gone");
    let request = TENANT.sync_scope("acme", || Context::current().without(&GONE));
    let each: Vec<_> = (0..5).map(|user| request.with(&USER, user)).collect();
    let common = Context::common(&each.iter().collect::<Vec<_>>());
    assert_eq!(common, request);
    assert!(matches!(common.try_get(&GONE).unwrap_err().reason(), Reason::Masked(_)));
    let other = Context::empty().with(&TENANT, "acme");
    assert!(Context::common(&[&request, &other]).is_empty(), "equal, and not the same");
    assert!(Context::common(&[&request, &Context::empty()]).is_empty());
}

#[test]
fn equal_values_bound_apart_are_a_clash_and_a_policy_may_compare_them() {
    static X: Var<u32> = Var::new("x");
    let (ours, theirs) = (Context::empty().with(&X, 1), Context::empty().with(&X, 1));
    let mut met = 0;
    let kept = ours.merge(&theirs, |clash: Clash<'_>| {
        met += 1;
        assert!(clash.is_of(&X) && clash.name() == "x");
        assert_ne!(clash.places().0, clash.places().1);
        assert_eq!(clash.ours().unwrap().place(), clash.places().0);
        match clash.values(&X) {
            Some((a, b)) if a == b => Keep::Ours,
            _ => Keep::Neither,
        }
    });
    assert_eq!(met, 1);
    assert!(kept.ptr_eq(&ours));
    let masked = ours.without(&X);
    let mut met = 0;
    let merged = ours.merge(&masked, |clash| {
        met += 1;
        assert!(clash.theirs().is_none() && clash.values(&X).is_none());
        Keep::Theirs
    });
    assert_eq!((met, merged.get(&X)), (1, None), "a mask says something too");
}

#[test]
fn what_is_of_short_reach_is_in_no_patch_and_no_merge() {
    static TX: Var<String> = Var::new("tx").stays_on_stack();
    static USER: Var<&str> = Var::new("user");
    Checkpoint::run(|| {
        TX.set("open".into()).unwrap();
        USER.set("ada").unwrap();
        let here = Context::current();
        let patch = Context::empty().patch_to(&here);
        assert_eq!(patch.names().collect::<Vec<_>>(), ["user"]);
        let laid = Context::empty().with(&USER, "grace").overlay(&here);
        assert_eq!(laid.get(&USER), Some(&"ada"));
        let reason = laid.try_get(&TX).unwrap_err().reason();
        assert!(matches!(reason, Reason::NoBinding | Reason::NotCarried(_)), "{reason:?}");
    });
}

#[test]
fn a_value_of_short_reach_that_is_built_in_is_kept_out_of_sight_and_ends_with_the_context() {
    static TX: Var<common::Counted> = Var::new("tx").stays_on_stack();
    static USER: Var<&str> = Var::new("user");
    let count = Count::default();
    let base = Context::build().set(&USER, "ada").set(&TX, count.value()).done();
    assert!(matches!(base.try_get(&TX).err().unwrap().reason(), Reason::NotCarried(_)));
    base.run(|| assert!(TX.try_with(|_| ()).is_err()));
    assert_eq!(count.alive(), 1);
    drop(base);
    assert_eq!(count.alive(), 0);
}

#[test]
fn a_policy_may_do_anything_and_one_that_panics_changes_and_leaks_nothing() {
    static A: Var<common::Counted> = Var::new("a");
    static B: Var<common::Counted> = Var::new("b");
    static SEEN: Var<u32> = Var::new("seen");
    let count = Count::default();
    let make = || Context::build().set(&A, count.value()).set(&B, count.value()).done();
    let (ours, theirs) = (make(), make());
    let mut met = 0;
    let merge = || {
        ours.merge(&theirs, |_| {
            met += 1;
            assert_ne!(met, 2, "at the second one");
            Keep::Theirs
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(merge)).is_err());
    assert_eq!(count.alive(), 4);
    check_counts(&[&ours, &theirs], &[]);
    let merged = SEEN.sync_scope(1, || {
        ours.merge(&theirs, |clash| {
            let again = ours.overlay(&theirs);
            assert!(again.binding(&A) == theirs.binding(&A));
            SEEN.sync_scope(SEEN.get() + 1, || assert_eq!(SEEN.get(), 2));
            if clash.is_of(&A) { Keep::Theirs } else { Keep::Ours }
        })
    });
    drop((ours, theirs));
    assert_eq!(count.alive(), 2, "what was left out ended with its context");
    drop(merged);
    assert_eq!(count.alive(), 0);
}

#[test]
fn values_end_when_nothing_shows_them_whatever_was_made_of_their_context() {
    static BIG: Var<common::Counted> = Var::new("big");
    static USER: Var<u32> = Var::new("user");
    let count = Count::default();
    let old = Context::build().set(&BIG, count.value()).set(&USER, 1).done();
    let new = old.extend().set(&BIG, count.value()).done();
    let patch = old.patch_to(&new);
    drop((old, new));
    assert_eq!(count.alive(), 2, "a patch has both values");
    let patched = patch.apply(&Context::empty().with(&USER, 2));
    drop(patch);
    assert_eq!(count.alive(), 1, "what it showed before has ended");
    assert_eq!(patched.get(&USER), Some(&2));
    let without = patched.without(&BIG).trimmed();
    drop(patched);
    assert_eq!(count.alive(), 0);
    assert_eq!(without.get(&USER), Some(&2));
    let many = apart(if cfg!(miri) { 20 } else { 100 }, 1);
    let base = many.iter().fold(Context::build(), |builder, var| builder.set(var, 1)).done();
    let on_top = base.extend().set(&BIG, count.value()).done();
    let masked = on_top.overlay(&Context::empty().without(&BIG));
    assert_eq!(masked.len(), many.len());
    drop(on_top);
    assert_eq!(count.alive(), 0, "a mask that is laid over lets go");
}

#[test]
fn of_several_bindings_of_one_variable_the_last_counts_and_the_others_end() {
    static A: Var<common::Counted> = Var::new("a");
    static N: Var<u32> = Var::new("n");
    let count = Count::default();
    let twice = Context::build()
        .set(&N, 1)
        .set(&A, count.value())
        .unset(&N)
        .set(&A, count.value())
        .set(&N, 2)
        .done();
    assert_eq!((count.alive(), twice.get(&N), twice.len()), (1, Some(&2), 2));
    let unset = twice.extend().set(&N, 3).unset(&N).done();
    assert!(matches!(unset.try_get(&N).unwrap_err().reason(), Reason::Masked(_)));
    let builder = twice.extend().set(&A, count.value());
    assert_eq!(count.alive(), 2);
    drop(builder);
    assert_eq!(count.alive(), 1, "a builder that is dropped gives its values back");
}

#[test]
fn a_patch_is_applied_to_the_open_checkpoint_or_says_why_not() -> Result<(), NotOpen> {
    static USER: Var<&str> = Var::new("user");
    static GONE: Var<&str> = Var::new("gone");
    let before = Context::empty().with(&GONE, "there");
    let patch = before.patch_to(&Context::empty().with(&USER, "ada"));
    assert!(patch.apply_here().unwrap_err().to_string().contains("gone"));
    let patch = std::thread::spawn(move || patch.clone()).join().unwrap();
    Checkpoint::run(|| {
        GONE.set("here").unwrap();
        patch.apply_here()?;
        assert_eq!((USER.get(), GONE.is_bound()), ("ada", false));
        Ok::<_, NotOpen>(())
    })?;
    Patch::default().apply_here()
}

#[test]
fn what_is_made_at_once_is_read_and_captured_as_any_other_context() {
    static A: Var<u32> = Var::new("a");
    static B: Var<u32> = Var::new("b");
    let base = Context::build().set(&A, 1).set(&B, 2).done();
    assert_eq!(base.iter().map(|binding| binding.name()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(base.binding(&A).unwrap().place().line(), line!() - 2);
    let weak = base.downgrade();
    let inner = base.run(|| {
        A.set(5).unwrap();
        B.sync_scope(6, Context::current)
    });
    assert_eq!((inner.get(&A), inner.get(&B)), (Some(&5), Some(&6)));
    assert_eq!(base.get(&A), Some(&1));
    let there = base.clone();
    let seen = std::thread::spawn(move || there.run(|| (A.get(), B.get()))).join().unwrap();
    assert_eq!(seen, (1, 2));
    drop((base, inner));
    assert!(weak.upgrade().is_none());
}

#[test]
fn nothing_that_is_printed_has_a_value() {
    static TOKEN: Var<&str> = Var::new("token");
    let (one, two) = (Context::build().set(&TOKEN, "canary"), Context::empty());
    assert!(!format!("{one:?}").contains("canary"));
    let one = one.done();
    let patch = two.patch_to(&one);
    assert!(format!("{patch:?}").contains("token") && !format!("{patch:?}").contains("canary"));
    let other = Context::build().set(&TOKEN, "canary").done();
    let _ = one.merge(&other, |clash| {
        let text = format!("{clash:?}");
        assert!(text.contains("token") && !text.contains("canary"));
        Keep::Ours
    });
}
