//! Shorthands, values kept apart from their context, differences taken over, and closures with
//! arguments.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use stackholm::{
    AnyVar, Checkpoint, Context, Envelope, Kept, Reason, Scope, Source, Var, WeakContext,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::thread;

/// The line of the caller.
#[track_caller]
fn line() -> u32 {
    std::panic::Location::caller().line()
}

// Values that are kept.

/// Cannot be cloned.
struct Single {
    n: u32,
    _witness: Arc<()>,
}

#[test]
fn a_value_that_is_not_clone_is_kept_when_its_binding_has_ended() {
    static ONE: Var<Single> = Var::new("one");
    static OTHER: Var<Single> = Var::new("other");
    let (witness, beside) = (Arc::new(()), Arc::new(()));
    let kept = Scope::new()
        .set(&OTHER, Single { n: 2, _witness: Arc::clone(&beside) })
        .set(&ONE, Single { n: 1, _witness: Arc::clone(&witness) })
        .run(|| ONE.keep().unwrap());
    assert_eq!((kept.n, Arc::strong_count(&witness)), (1, 2));
    assert_eq!(Arc::strong_count(&beside), 1, "nothing else is kept");
    let again = kept.clone();
    drop(kept);
    assert_eq!(thread::spawn(move || again.n).join().unwrap(), 1);
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[test]
fn a_value_is_kept_from_wherever_it_is_seen() {
    static N: Var<u32> = Var::new("n");
    let at = |keep: &dyn Fn() -> Option<u32>| keep();
    let kept = || N.keep().ok().map(|kept| *kept);
    let context = Context::empty().with(&N, 2);
    let prepared = Checkpoint::prepare().set(&N, 3);
    assert_eq!(N.sync_scope(1, || at(&kept)), Some(1));
    assert_eq!(context.run(|| at(&kept)), Some(2));
    assert_eq!(prepared.run(|| at(&kept)), Some(3), "of a prepared binding");
    assert_eq!(prepared.run(|| Checkpoint::run(|| at(&kept))), Some(3));
    assert_eq!(prepared.run(Context::current).run(|| at(&kept)), Some(3), "carried");
    assert_eq!(prepared.run(Context::current).keep(&N).map(|kept| *kept), Some(3));
    assert_eq!(context.keep(&N).map(|kept| *kept), Some(2));
    let popped =
        || Checkpoint::run(|| N.sync_scope(5, || Checkpoint::run(|| N.pop().map(|_| at(&kept)))));
    assert_eq!(N.sync_scope(4, popped).unwrap(), Some(4), "shown again by a pop");
    assert_eq!(context.without(&N).run(|| at(&kept)), None);
    assert!(context.without(&N).keep(&N).is_none());
}

#[test]
fn a_kept_value_outlives_every_way_that_a_binding_ends() {
    static HELD: Var<Arc<()>> = Var::new("held");
    let value = Arc::new(());
    let alive = || Arc::strong_count(&value) - 1;
    let mut kept: Vec<Kept<'_, Arc<()>>> = Vec::new();
    HELD.sync_scope(Arc::clone(&value), || {
        kept.push(HELD.keep().unwrap());
        kept.push(HELD.keep().unwrap());
        drop(Context::current());
        kept.push(HELD.keep().unwrap());
    });
    let context = Context::empty().with(&HELD, Arc::clone(&value));
    kept.push(context.keep(&HELD).unwrap());
    drop(context);
    Checkpoint::run(|| {
        HELD.set(Arc::clone(&value)).unwrap();
        kept.push(HELD.keep().unwrap());
        // Replaced until the checkpoint is written anew.
        for _ in 0..1000 {
            HELD.set(Arc::new(())).unwrap();
            HELD.unset().unwrap();
        }
    });
    assert!(kept.iter().all(|kept| Arc::ptr_eq(kept, &value)));
    assert_eq!(alive(), 3);
    drop(kept);
    assert_eq!(alive(), 0);
}

#[test]
fn what_is_of_short_reach_is_not_kept_and_the_error_says_where_it_was_bound() {
    static NEAR: Var<u32> = Var::with_default("near", || 7).stays_on_stack();
    static NEAREST: Var<u32> = Var::new("nearest").stays_in_checkpoint();
    for var in [&NEAR, &NEAREST] {
        let bound = line() + 1;
        let reason = var.sync_scope(1, || var.keep().map(|kept| *kept).unwrap_err().reason());
        assert!(matches!(reason, Reason::NotCarried(at) if at.line() == bound), "{reason:?}");
        let reason = Checkpoint::prepare()
            .set(var, 1)
            .run(|| var.keep().map(|kept| *kept).unwrap_err().reason());
        assert!(matches!(reason, Reason::NotCarried(_)), "{reason:?}");
    }
    let elsewhere = NEAR.sync_scope(1, || {
        stackholm::thread::spawn(|| NEAR.keep().map(|kept| *kept)).join().unwrap()
    });
    assert_eq!(elsewhere, Ok(7), "where it does not reach, the default is its value");
}

#[test]
fn a_process_wide_value_and_a_default_are_kept_too() {
    static N: Var<u32> = Var::with_default("n", || 1);
    let default = N.keep().unwrap();
    N.set_global(2);
    let global = N.keep().unwrap();
    N.clear_global();
    assert_eq!((*default, *global, *global.clone().as_ref()), (1, 2, 2));
    static NONE: Var<u32> = Var::new("none");
    assert_eq!(NONE.keep().map(|kept| *kept).unwrap_err().reason(), Reason::Unbound);
    assert!(!format!("{default:?}").contains('1'), "a value is never printed");
}

// Bindings that are made once more.

#[test]
fn whatever_a_job_bound_is_taken_over_and_left_with_the_checkpoint() {
    static A: Var<Arc<u32>> = Var::new("a");
    static B: Var<u32> = Var::new("b");
    static C: Var<u32> = Var::new("c");
    static SAME: Var<u32> = Var::new("same");
    let value = Arc::new(1);
    Scope::new().set(&B, 2).set(&C, 3).set(&SAME, 4).run(|| {
        Checkpoint::run(|| {
            let before = Context::current();
            let bound = line() + 3;
            let carried = Arc::clone(&value);
            let job = stackholm::thread::spawn(|| {
                A.set(carried).unwrap();
                B.set(20).unwrap();
                C.unset().unwrap();
                Context::current()
            });
            let after = job.join().unwrap();
            after.apply_since(&before).unwrap();
            assert!(Context::current() == after, "the same bindings, not equal ones");
            drop((before, after));
            assert!(A.with(|a| Arc::ptr_eq(a, &value)));
            assert_eq!((B.get(), C.try_get().ok(), SAME.get()), (20, None, 4));
            assert!(
                matches!(A.source(), Source::Bound(at) if at.line() == bound),
                "where it was made is known"
            );
            assert!(matches!(C.try_get().unwrap_err().reason(), Reason::Masked(_)));
            // What was taken over may be changed again, and is carried.
            let carried = stackholm::thread::spawn(|| (A.is_bound(), B.get())).join().unwrap();
            assert_eq!(carried, (true, 20));
            B.update(|b| b.unwrap() + 1).unwrap();
            assert_eq!(B.get(), 21);
        });
        assert_eq!((A.try_get().ok(), B.get(), C.get(), SAME.get()), (None, 2, 3, 4));
    });
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_patch_of_a_variable_made_at_run_time_outlives_the_variable_and_the_contexts() {
    let name = Arc::<str>::from("made at run time");
    let value = Arc::new(());
    Checkpoint::run(|| {
        let var = Var::named(Arc::clone(&name));
        let context = Context::empty().with(&var, Arc::clone(&value));
        let again = Context::empty().with(&var, Arc::new(())).only(&[&var]);
        context.apply_since(&Context::empty()).unwrap();
        drop((context, again));
        assert!(var.is_bound());
        drop(var);
        let names: Vec<_> =
            Context::current().iter().map(|binding| binding.name().to_string()).collect();
        assert_eq!(names, ["made at run time"]);
        assert_eq!(Arc::strong_count(&value), 2);
    });
    assert_eq!((Arc::strong_count(&value), Arc::strong_count(&name)), (1, 1));
}

#[test]
fn many_patches_keep_only_what_is_shown() {
    static N: Var<Arc<u32>> = Var::new("n");
    static FIRST: Var<u32> = Var::new("first");
    let last = Arc::new(0);
    Checkpoint::run(|| {
        FIRST.set(1).unwrap();
        let weak: Vec<_> = (0..1000)
            .map(|i| {
                let value = Arc::new(i);
                let weak = Arc::downgrade(&value);
                Context::empty().with(&N, value).apply_since(&Context::empty()).unwrap();
                weak
            })
            .collect();
        Context::empty().with(&N, Arc::clone(&last)).apply_since(&Context::empty()).unwrap();
        assert_eq!(FIRST.get(), 1);
        assert_eq!(Arc::strong_count(&last), 2);
        assert!(
            weak.iter().all(|weak| weak.upgrade().is_none()),
            "each patch takes the place of the one before"
        );
    });
    assert_eq!(Arc::strong_count(&last), 1);
}

#[test]
fn a_patch_is_refused_whole_where_nothing_can_be_set_and_an_empty_one_never() {
    static N: Var<u32> = Var::new("n");
    static M: Var<u32> = Var::new("m");
    let context = Context::empty().with(&N, 1).with(&M, 2);
    assert!(context.apply_since(&Context::empty()).unwrap_err().sealed_at().is_none());
    let sealed = line() + 1;
    let error = N.sync_scope(0, || {
        let error = context.apply_since(&Context::empty()).unwrap_err();
        assert_eq!((N.get(), M.is_bound()), (0, false));
        error
    });
    assert_eq!(error.sealed_at().map(|at| at.line()), Some(sealed));
    assert_eq!(error.name(), "n");
    assert_eq!(context.apply_since(&context), Ok(()));
    Checkpoint::run(|| {
        for change in
            Context::empty().changes(&context).into_iter().filter(|c| c.after.unwrap().is_of(&M))
        {
            change.apply().unwrap();
        }
        assert_eq!((N.is_bound(), M.get()), (false, 2), "one change alone");
    });
}

#[test]
fn only_and_except_show_what_they_say_and_keep_nothing_else() {
    static USER: Var<Arc<u32>> = Var::new("user");
    static DEADLINE: Var<Arc<u32>> = Var::new("deadline");
    static UNUSED: Var<u32> = Var::new("unused");
    static GROUP: &[&dyn AnyVar] = &[&DEADLINE, &UNUSED];
    let (user, deadline, hidden) = (Arc::new(1), Arc::new(2), Arc::new(3));
    let context = Context::empty()
        .with(&DEADLINE, Arc::clone(&hidden))
        .with(&DEADLINE, Arc::clone(&deadline))
        .with(&USER, Arc::clone(&user));
    let counts =
        || (Arc::strong_count(&user), Arc::strong_count(&deadline), Arc::strong_count(&hidden));
    let (shed, chosen) = (context.except(GROUP), context.only(&[&USER, &UNUSED]));
    let ours = context.only(&[&DEADLINE]);
    assert_eq!(shed, chosen);
    assert_eq!(context.only(&[&USER, &DEADLINE]), context);
    assert_eq!(ours.get(&DEADLINE), Some(&deadline));
    assert_eq!(context.binding(&USER), shed.binding(&USER));
    drop((context, ours));
    assert_eq!(counts(), (2, 1, 1));
    shed.run(|| assert!(USER.is_bound() && !DEADLINE.is_bound()));
    assert_eq!(shed.get(&USER).map(|user| **user), Some(1));
    drop((shed, chosen));
    assert_eq!(counts(), (1, 1, 1));
    assert!(
        Context::empty().only(GROUP).is_empty()
            && Context::empty().except(GROUP).ptr_eq(&Context::empty())
    );
}

#[test]
fn a_large_context_is_rebuilt_with_all_its_bindings() {
    let vars: Vec<Var<usize>> = (0..200).map(|n| Var::named(n.to_string())).collect();
    let context =
        vars.iter().enumerate().fold(Context::empty(), |context, (n, var)| context.with(var, n));
    let some: Vec<&dyn AnyVar> = vars.iter().step_by(3).map(|var| var as &dyn AnyVar).collect();
    let (only, except) = (context.only(&some), context.except(&some));
    drop(context);
    for (n, var) in vars.iter().enumerate() {
        let expected = if n % 3 == 0 { (Some(&n), None) } else { (None, Some(&n)) };
        assert_eq!((only.get(var), except.get(var)), expected);
    }
    assert_eq!(only.len() + except.len(), 200);
}

// Fewer words.

#[test]
fn another_value_is_given_only_where_there_is_none() {
    static N: Var<u32> = Var::new("n");
    static D: Var<u32> = Var::with_default("d", || 5);
    assert_eq!((N.get_or(1), N.get_or_default(), N.map_or(2, |n| n + 1)), (1, 0, 2));
    assert_eq!((D.get_or(1), D.get_or_default(), D.map_or(2, |d| d + 1)), (5, 5, 6));
    N.sync_scope(7, || {
        assert_eq!((N.get_or(1), N.get_or_default(), N.map_or(2, |n| n + 1)), (7, 7, 8))
    });
}

#[test]
fn an_update_sets_in_the_open_checkpoint_what_is_made_of_the_value_here() {
    static N: Var<u32> = Var::new("n");
    let called = || panic!("is not called where nothing can be set");
    assert!(N.update(|_| called()).is_err());
    assert!(N.sync_scope(1, || N.update(|_| called())).is_err());
    Checkpoint::run(|| {
        let bound = line() + 1;
        N.update(|n| n.copied().unwrap_or(10)).unwrap();
        assert!(matches!(N.source(), Source::Bound(at) if at.line() == bound));
        Checkpoint::run(|| {
            N.update(|n| n.unwrap() + 1).unwrap();
            assert_eq!(N.get(), 11);
        });
        assert_eq!(N.get(), 10);
        N.update(|n| N.set(1).map_or(0, |()| n.unwrap() + N.get())).unwrap();
        assert_eq!(N.get(), 11, "the function may set too");
    });
    assert!(!N.is_bound());
}

#[test]
fn a_weak_context_is_by_default_that_of_nothing() {
    assert!(WeakContext::default().upgrade().unwrap().is_empty());
}

// Envelopes and closures.

#[test]
fn an_envelope_is_mapped_in_the_context_of_its_sender_and_carries_on() {
    static N: Var<u32> = Var::new("n");
    let envelope = N.sync_scope(1, || Envelope::new(10));
    let mapped = N.sync_scope(2, || {
        envelope.map(|n| {
            let seen = n + N.get();
            N.set(9).unwrap();
            seen
        })
    });
    assert_eq!(mapped.get_ref(), &11);
    assert_eq!(mapped.map(|n| n + N.get()).open(|n| n + N.get()), 13, "what was set is not sent");
    assert_eq!(Envelope::new("x").into_inner(), "x");
    assert_eq!(N.sync_scope(3, || Envelope::new(|| N.get())).call(), 3);
}

#[test]
fn what_is_inside_is_dropped_in_the_context_of_the_sender_if_the_map_panics() {
    static N: Var<u32> = Var::new("n");
    static SEEN: Mutex<Vec<Option<u32>>> = Mutex::new(Vec::new());
    struct Looks;
    impl Drop for Looks {
        fn drop(&mut self) {
            SEEN.lock().unwrap().push(N.try_get().ok());
        }
    }
    let envelope = N.sync_scope(1, || Envelope::new(Looks));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        envelope.map(|_looks| panic!("bang"))
    }));
    assert!(panic.is_err());
    assert_eq!(*SEEN.lock().unwrap(), [Some(1)]);
    assert!(!N.is_bound());
}

#[test]
fn closures_with_an_argument_run_in_their_context_on_a_stack_of_their_own() {
    static N: Var<u32> = Var::new("n");
    let context = || Context::empty().with(&N, 10);
    let once = context().wrap_with(|owned: String| (owned, N.get()));
    let mut calls = 0;
    let mut again = context().wrap_mut_with(|(a, b): (u32, u32)| {
        N.update(|n| n.unwrap() + 1).unwrap();
        calls += 1;
        a + b + N.get()
    });
    let from_threads = context().wrap_fn_with(|x: u32| x + N.get());
    N.sync_scope(1, || {
        assert_eq!((again((1, 2)), again((3, 4))), (14, 18), "each call begins anew");
        assert_eq!(once("x".into()), ("x".into(), 10));
        assert_eq!(N.get(), 1);
    });
    drop(again);
    assert_eq!(calls, 2);
    thread::scope(|scope| {
        for x in 0..4u32 {
            let from_threads = &from_threads;
            scope.spawn(move || assert_eq!(N.sync_scope(2, || from_threads(x)), x + 10));
        }
    });
}

#[tokio::test]
async fn an_async_closure_goes_on_in_its_context() {
    static N: Var<u32> = Var::new("n");
    async fn read(x: u32) -> u32 {
        tokio::task::yield_now().await;
        x + N.get()
    }
    let context = Context::empty().with(&N, 10);
    let closure = context.clone().wrap_async(async |x: u32| {
        tokio::task::yield_now().await;
        N.set(N.get() + 1).unwrap();
        read(x).await
    });
    let function = context.wrap_async(read);
    let early = N.sync_scope(1, || closure(1));
    assert_eq!((early.await, closure(2).await), (12, 13));
    let spawned = tokio::spawn(function(3));
    assert_eq!(spawned.await.unwrap(), 13, "the future is Send");
}

// All of it in random programs, beside plain maps.

/// What is bound to each variable; `None`: a mask.
type Map = BTreeMap<usize, Option<u64>>;

struct Programs<'a> {
    random: StdRng,
    vars: &'a [Var<Arc<u64>>],
    versions: Vec<(Context, Map)>,
    kept: Vec<(Kept<'a, Arc<u64>>, u64)>,
    made: Vec<Weak<u64>>,
}

impl Programs<'_> {
    fn any(&mut self, below: usize) -> usize {
        self.random.random_range(0..below)
    }

    fn value(&mut self) -> (Arc<u64>, u64) {
        let number = self.made.len() as u64;
        let value = Arc::new(number);
        self.made.push(Arc::downgrade(&value));
        (value, number)
    }

    /// Some operations in a checkpoint in which `map` is seen; what they change is seen in it, and
    /// not outside.
    fn work(&mut self, mut map: Map, depth: usize) {
        for _ in 0..self.any(40 >> depth) {
            let (var, one, other) = (
                self.any(self.vars.len()),
                self.any(self.versions.len()),
                self.any(self.versions.len()),
            );
            let some: Vec<usize> = (0..self.any(12)).map(|_| self.any(self.vars.len())).collect();
            let group: Vec<&dyn AnyVar> =
                some.iter().map(|var| &self.vars[*var] as &dyn AnyVar).collect();
            let named = |map: &Map, are: bool| -> Map {
                map.iter()
                    .filter(|(var, bound)| bound.is_some() && some.contains(var) == are)
                    .map(|(v, b)| (*v, *b))
                    .collect()
            };
            match self.any(11) {
                0 | 1 => {
                    let (value, number) = self.value();
                    self.vars[var].set(value).unwrap();
                    map.insert(var, Some(number));
                }
                2 => {
                    self.vars[var].unset().unwrap();
                    map.insert(var, None);
                }
                3 | 4 => {
                    let (before, after) = (&self.versions[one], &self.versions[other]);
                    after.0.apply_since(&before.0).unwrap();
                    for var in 0..self.vars.len() {
                        let at = |map: &Map| map.get(&var).copied().flatten();
                        if at(&before.1) != at(&after.1) {
                            map.insert(var, at(&after.1));
                        }
                    }
                }
                5 => self.versions.push((Context::current(), map.clone())),
                6 => {
                    let (value, number) = self.value();
                    let mut version = self.versions[one].clone();
                    version.0 = version.0.with(&self.vars[var], value);
                    version.1.insert(var, Some(number));
                    self.versions.push(version);
                }
                7 => {
                    let (context, map) = &self.versions[one];
                    let only = (context.only(&group), named(map, true));
                    let except = (context.except(&group), named(map, false));
                    self.versions.extend([only, except]);
                }
                8 => {
                    let kept = self.vars[var].keep().ok().zip(map.get(&var).copied().flatten());
                    assert_eq!(kept.is_some(), self.vars[var].is_bound());
                    self.kept.extend(kept);
                }
                9 if depth < 4 => {
                    let inner = map.clone();
                    Checkpoint::run(|| self.work(inner, depth + 1));
                }
                9 => drop(self.versions[one].0.keep(&self.vars[var])),
                _ => {
                    let (context, inner) = self.versions[one].clone();
                    if depth < 4 {
                        context.run(|| self.work(inner, depth + 1));
                    }
                    if self.versions.len() > 8 {
                        let gone = self.any(self.versions.len());
                        self.versions.swap_remove(gone);
                    }
                    let half = self.kept.len() / 2;
                    self.kept.truncate(half);
                }
            }
            for (n, var) in self.vars.iter().enumerate() {
                assert_eq!(
                    var.try_with(|value| **value).ok(),
                    map.get(&n).copied().flatten(),
                    "variable {n}"
                );
            }
        }
        for (context, map) in &self.versions {
            for (n, var) in self.vars.iter().enumerate() {
                assert_eq!(
                    context.get(var).map(|value| **value),
                    map.get(&n).copied().flatten(),
                    "variable {n}"
                );
            }
        }
        assert!(self.kept.iter().all(|(kept, number)| ***kept == *number));
    }
}

#[test]
fn random_programs_of_all_this_do_what_plain_maps_do_and_leave_nothing() {
    for seed in 0..24 {
        let random = StdRng::seed_from_u64(seed);
        let vars: Vec<_> =
            (0..[3, 40, 150][seed as usize % 3]).map(|n| Var::named(n.to_string())).collect();
        let versions = vec![(Context::empty(), Map::new())];
        let mut programs =
            Programs { random, vars: &vars, versions, kept: Vec::new(), made: Vec::new() };
        for _ in 0..4 {
            Checkpoint::run(|| programs.work(Map::new(), 0));
        }
        let Programs { versions, kept, made, .. } = programs;
        drop((versions, kept));
        assert!(made.iter().all(|weak| weak.upgrade().is_none()), "seed {seed}");
    }
}

#[test]
fn what_reading_and_setting_give_can_be_compared() {
    static N: Var<u32> = Var::new("n");
    N.sync_scope(1, || assert_eq!(N.try_get(), Ok(1)));
    assert_eq!(N.try_get(), N.try_get());
    assert_ne!(N.try_get(), Ok(1));
    // Each error says where it came from: two of one line are equal.
    let [one, same] = [1, 1].map(|n| N.set(n).unwrap_err());
    assert_eq!(one, same);
    assert_ne!(one, N.set(2).unwrap_err());
    let [one, same] = [(); 2].map(|()| N.unset().unwrap_err());
    assert_eq!(one, same);
}
