//! Scoping and defaults: order of lookup, nesting, restoring, values of any shape.

mod common;

use common::{
    Counted, THREE_LEVELS, bang, catch_bang, counts, everywhere, here, in_each_place, number,
    panic_of, pool, variables,
};
use stackholm::{
    Checkpoint, Context, ContextExt, Entered, NotOpen, Reason, Scope, SetError, Source, Var,
};
use std::mem::{align_of_val, size_of};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

/// Names what the current context lists, but for the harness' own.
fn listed() -> Vec<String> {
    let names = Context::current();
    names.iter().map(|binding| binding.name().to_string()).filter(|name| name != "around").collect()
}

// 1. unbound, and defaults

#[test]
fn reading_an_unbound_variable_gives_an_error_that_names_it() {
    static LOST: Var<u32> = Var::new("lost");
    everywhere(|_| {
        let missing = LOST.try_get().unwrap_err();
        assert_eq!((missing.name(), missing.reason()), ("lost", Reason::Unbound));
        assert_eq!(missing.to_string(), "the variable `lost` is not bound here and has no default");
        assert_eq!(LOST.try_with(|_| ()).unwrap_err().name(), "lost");
        assert_eq!(LOST.source(), Source::Missing(Reason::Unbound));
    });
}

#[test]
fn get_and_with_panic_at_the_line_of_the_caller_and_name_the_variable() {
    static LOST: Var<u32> = Var::new("lost");
    everywhere(|_| {
        let (got, line) = (panic_of(|| LOST.get()), line!());
        assert_eq!((got.line, got.file.as_str()), (line, file!()));
        let known = "the variable `lost` was never bound; it has no default";
        let told = "the variable `lost` is not bound here and has no default";
        assert_eq!(got.message, if cfg!(debug_assertions) { known } else { told });
        let (read, line) = (panic_of(|| LOST.with(|_| ())), line!());
        assert_eq!((read.line, read.file.as_str()), (line, file!()));
    });
}

#[test]
fn a_default_is_used_but_is_not_bound_and_is_not_listed() {
    static WITH_DEFAULT: Var<u32> = Var::with_default("with_default", || 7);
    everywhere(|_| {
        assert_eq!(WITH_DEFAULT.get(), 7);
        assert!(!WITH_DEFAULT.is_bound());
        assert_eq!(WITH_DEFAULT.source(), Source::Default);
        let here = Context::current();
        assert_eq!((here.get(&WITH_DEFAULT), here.binding(&WITH_DEFAULT)), (None, None));
        assert_eq!(listed(), [""; 0]);
        assert_eq!(WITH_DEFAULT.history(), []);
    });
}

#[test]
fn a_default_is_made_once_and_lent_to_all() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static LAZY: Var<Vec<u8>> = Var::with_default("lazy", || {
        MADE.fetch_add(1, SeqCst);
        vec![1]
    });
    assert_eq!(MADE.load(SeqCst), 0, "nobody has needed it yet");
    let first = LAZY.with(|value| ptr::from_ref(value).addr());
    everywhere(move |_| assert_eq!(LAZY.with(|value| ptr::from_ref(value).addr()), first));
    assert_eq!(MADE.load(SeqCst), 1);
}

#[test]
fn a_default_may_read_other_variables_and_may_panic_and_be_tried_again() {
    static TRIES: AtomicUsize = AtomicUsize::new(0);
    static BASE: Var<u32> = Var::with_default("base", || 20);
    static SHY: Var<u32> = Var::with_default("shy", || {
        if TRIES.fetch_add(1, SeqCst) == 0 {
            bang();
        }
        BASE.get() + 1
    });
    catch_bang(|| SHY.get());
    assert_eq!(SHY.get(), 21);
}

#[test]
fn a_default_is_made_in_surroundings_of_its_own_whoever_reads_first() {
    static USER: Var<&str> = Var::new("user");
    static LABEL: Var<String> = Var::with_default("label", || {
        assert!(USER.set("the maker's own").is_ok(), "its stack is open");
        USER.unset().unwrap();
        format!("for {}", USER.try_get().unwrap_or("nobody"))
    });
    USER.sync_scope("ada", || {
        assert_eq!(LABEL.get(), "for nobody");
        assert_eq!(USER.get(), "ada", "what the maker did to its stack is not seen here");
    });
    assert_eq!(LABEL.get(), "for nobody");
}

#[test]
fn a_default_that_captures_keeps_nothing_of_the_first_reader() {
    static HELD: Var<Arc<()>> = Var::new("held");
    static CAPTURED: Var<Context> = Var::with_default("captured", Context::current);
    let value = Arc::new(());
    HELD.sync_scope(Arc::clone(&value), || CAPTURED.with(|context| assert!(context.is_empty())));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_default_whose_maker_forgets_a_guard_leaves_the_reader_as_it_was() {
    static N: Var<u32> = Var::new("n");
    static HASTY: Var<u32> = Var::with_default("hasty", || {
        std::mem::forget(N.enter(2));
        N.get()
    });
    N.sync_scope(1, || assert_eq!((HASTY.get(), N.get()), (2, 1)));
    assert!(!N.is_bound());
}

#[test]
fn of_two_threads_that_need_a_default_at_once_both_read_the_same_value() {
    static RACED: Var<u32> = Var::with_default("raced", || 3);
    let barrier = Barrier::new(2);
    let read = || {
        barrier.wait();
        RACED.with(|value| ptr::from_ref(value).addr())
    };
    let (one, other) = thread::scope(|scope| {
        let (one, other) = (scope.spawn(read), scope.spawn(read));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!(one, other);
}

// 2. the order of lookup

#[test]
fn a_binding_hides_the_process_wide_value_which_hides_the_default() {
    static LAYERED: Var<&str> = Var::with_default("layered", || "default");
    everywhere(|_| {
        assert_eq!((LAYERED.get(), LAYERED.source()), ("default", Source::Default));
        assert_eq!(LAYERED.set_global("global"), None);
        assert_eq!((LAYERED.get(), LAYERED.source()), ("global", Source::Global));
        assert!(!LAYERED.is_bound());
        assert_eq!(
            Context::current().get(&LAYERED),
            None,
            "a process-wide value is not part of a context"
        );
        let place = LAYERED.sync_scope("bound", || {
            assert_eq!(LAYERED.get(), "bound");
            let Source::Bound(place) = LAYERED.source() else { panic!("it is bound") };
            place
        });
        assert_eq!(place.file(), file!());
        assert_eq!(*LAYERED.set_global("newer").unwrap(), "global");
        assert_eq!(LAYERED.get(), "newer");
        assert_eq!(*LAYERED.clear_global().unwrap(), "newer");
        assert_eq!((LAYERED.get(), LAYERED.clear_global()), ("default", None));
    });
}

#[test]
fn a_mask_falls_back_to_the_process_wide_value_then_the_default_then_the_error() {
    static LAYERED: Var<&str> = Var::with_default("layered", || "default");
    static BARE: Var<&str> = Var::new("bare");
    everywhere(|_| {
        let outer = Scope::new().set(&LAYERED, "bound").set(&BARE, "bound").enter();
        Checkpoint::run(|| {
            let place = (LAYERED.unset().unwrap(), BARE.unset().unwrap(), here()).2;
            assert_eq!((LAYERED.get(), BARE.set_global("global")), ("default", None));
            assert_eq!((BARE.get(), BARE.source()), ("global", Source::Global));
            BARE.clear_global();
            let missing = BARE.try_get().unwrap_err();
            let Reason::Masked(masked_at) = missing.reason() else { panic!("it is masked") };
            assert_eq!((masked_at.file(), masked_at.line()), (place.file(), place.line()));
            assert_eq!(
                missing.to_string(),
                format!("the variable `bare` was unset at {masked_at}")
            );
        });
        assert_eq!((LAYERED.get(), BARE.get()), ("bound", "bound"));
        outer.leave();
    });
}

#[test]
fn a_process_wide_value_is_seen_by_other_threads_and_kept_by_who_reads_it() {
    static SHARED: Var<Vec<u32>> = Var::new("shared");
    SHARED.set_global(vec![1]);
    SHARED.with(|reading| {
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(SHARED.get(), [1]);
                SHARED.set_global(vec![2]);
                assert_eq!(SHARED.get(), [2]);
            });
        });
        assert_eq!(*reading, [1], "who reads goes on with what it has");
        assert_eq!(SHARED.get(), [2]);
    });
}

#[test]
fn a_process_wide_value_is_swapped_while_others_read_and_each_is_dropped_once() {
    static SWAPPED: Var<Counted> = Var::new("swapped");
    let tally = common::Tally::default();
    SWAPPED.set_global(tally.make(0));
    let start = Barrier::new(4);
    thread::scope(|scope| {
        let read = || {
            scope.spawn(|| {
                start.wait();
                let mut last = 0;
                for _ in 0..2_000 {
                    let next = number(&SWAPPED).expect("there is always one");
                    assert!(next >= last, "an older value never comes back");
                    last = next;
                }
            })
        };
        let readers = [(); 3].map(|()| read());
        start.wait();
        for i in 1..=500 {
            assert_eq!(SWAPPED.set_global(tally.make(i)).unwrap().number, i - 1);
        }
        // The end of a scope does not wait for the thread-locals of its threads, which let go last.
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    SWAPPED.clear_global();
    tally.assert_nothing_left();
}

// 3. what goes through

#[test]
fn closures_return_their_value_and_take_what_they_borrow() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        let mut seen = Vec::new();
        let text = String::from("moved in and out");
        let back = X.sync_scope(1, || {
            seen.push(X.get());
            text
        });
        assert_eq!((back.as_str(), seen.as_slice()), ("moved in and out", [1].as_slice()));
        assert_eq!(Checkpoint::run(|| 2), 2);
        assert_eq!(Scope::new().set(&X, 3).run(|| X.get()), 3);
        assert_eq!(Context::current().run(|| 4), 4);
        assert_eq!(X.sync_scope(5, || X.with(|x| x * 2)), 10);
        let failed: Result<(), &str> = X.sync_scope(6, || Err("as it is"));
        assert_eq!(failed, Err("as it is"));
    });
}

#[test]
fn a_function_inside_a_checkpoint_gets_its_argument_and_gives_its_result() {
    static DEPTH: Var<u32> = Var::with_default("depth", || 0);
    fn down(levels: u32) -> u32 {
        Checkpoint::around(|levels: u32| {
            let outer = DEPTH.get();
            DEPTH.set(outer + 1).unwrap();
            let below = if levels == 0 { 0 } else { down(levels - 1) };
            assert_eq!(DEPTH.get(), outer + 1, "what the inner call set has gone");
            below + 1
        })(levels)
    }
    everywhere(|_| {
        assert_eq!(down(9), 10);
        assert!(!DEPTH.is_bound());
    });
}

#[test]
fn futures_return_their_value() {
    static X: Var<String> = Var::new("x");
    let seen = pool().block_on(async {
        let one = X.scope("a".into(), async { X.get() }).await;
        let two = Checkpoint::wrap(async {
            tokio::task::yield_now().await;
            X.set("b".into()).unwrap();
            tokio::task::yield_now().await;
            X.get()
        });
        let three = Scope::new().set(&X, "c".into()).wrap(async { Err::<(), _>(X.get()) });
        (one, two.await, three.await, async { X.is_bound() }.in_current_context().await)
    });
    assert_eq!(seen, ("a".into(), "b".into(), Err("c".into()), false));
}

#[test]
fn panics_pass_through_untouched() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        catch_bang(|| X.sync_scope(tally.make(1), || bang()));
        catch_bang(|| Checkpoint::run(|| bang()));
        catch_bang(|| Scope::new().set(&X, tally.make(2)).run(|| bang()));
        catch_bang(|| Context::current().run(|| bang()));
        catch_bang(|| X.sync_scope(tally.make(3), || X.with(|_| bang())));
        catch_bang(|| Checkpoint::prepare().set(&X, tally.make(4)).run(|| bang()));
        assert!(!X.is_bound());
    });
}

#[test]
fn the_panic_of_a_future_passes_through_and_leaves_the_thread_clean() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let mut future = Box::pin(X.scope(tally.make(1), async { bang() }));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        catch_bang(|| {
            let _: std::task::Poll<()> = future.as_mut().poll(&mut context);
        });
        assert!(!X.is_bound());
    });
}

// 4. nesting

#[test]
fn nesting_shadows_and_unwinds_one_two_three_two_one_unbound() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        X.sync_scope(tally.make(1), || {
            X.sync_scope(tally.make(2), || {
                X.sync_scope(tally.make(3), || assert_eq!(number(&X), Some(3)));
                assert_eq!(number(&X), Some(2));
            });
            assert_eq!(number(&X), Some(1));
        });
        assert_eq!(number(&X), None);
        let one = X.enter(tally.make(1));
        let two = X.enter(tally.make(2));
        let three = X.enter(tally.make(3));
        assert_eq!(X.history().len(), 3);
        for (guard, left) in [(three, Some(2)), (two, Some(1)), (one, None)] {
            drop(guard);
            assert_eq!(number(&X), left);
        }
    });
}

#[test]
fn history_lists_the_shadowed_bindings_from_the_nearest_one_outwards() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        let (_one, first) = (X.enter(1), here());
        let _checkpoint = Checkpoint::enter();
        let second = (X.set(2).unwrap(), here()).1;
        let _inner = Checkpoint::enter();
        let third = (X.unset().unwrap(), here()).1;
        let lines: Vec<(bool, u32)> = X
            .history()
            .iter()
            .map(|source| match source {
                Source::Bound(place) => (true, place.line()),
                Source::Missing(Reason::Masked(place)) => (false, place.line()),
                other => panic!("neither bound nor masked: {other:?}"),
            })
            .collect();
        assert_eq!(lines, [(false, third.line()), (true, second.line()), (true, first.line())]);
    });
}

#[test]
fn two_variables_are_independent() {
    static X: Var<u32> = Var::new("x");
    static Y: Var<u32> = Var::new("y");
    everywhere(|_| {
        let x = X.enter(1);
        assert_eq!((X.try_get().ok(), Y.try_get().ok()), (Some(1), None));
        let y = Y.enter(2);
        let inner = X.enter(3);
        assert_eq!((X.get(), Y.get()), (3, 2));
        drop(inner);
        assert_eq!((X.get(), Y.get()), (1, 2));
        drop(y);
        assert_eq!((X.get(), Y.is_bound()), (1, false));
        drop(x);
        assert_eq!((X.is_bound(), Y.is_bound()), (false, false));
    });
}

#[test]
fn any_number_of_variables_nest_and_unwind() {
    everywhere(|tally| counts().for_each(|count| nest_and_unwind(tally, count)));
}

#[test]
fn more_variables_than_three_levels_hold_nest_and_unwind() {
    thread::spawn(|| {
        let tally = common::Tally::default();
        nest_and_unwind(&tally, THREE_LEVELS);
        tally.assert_nothing_left();
    })
    .join()
    .unwrap();
}

/// Binds each variable twice, the second time shadowing, and checks the neighbours on the way in
/// and out.
fn nest_and_unwind(tally: &common::Tally, count: usize) {
    let (vars, alive) = (variables(count), tally.alive());
    let mut guards: Vec<Entered> = Vec::new();
    for (i, var) in vars.iter().enumerate() {
        assert_eq!(number(var), None);
        guards.push(var.enter(tally.make(i as u64)));
        assert_eq!(number(var), Some(i as u64));
        assert_eq!(number(&vars[0]), Some(0));
    }
    for (i, var) in vars.iter().enumerate() {
        assert_eq!(number(var), Some(i as u64));
        guards.push(var.enter(tally.make((count + i) as u64)));
    }
    for (i, var) in vars.iter().enumerate().rev() {
        assert_eq!(number(var), Some((count + i) as u64));
        drop(guards.pop());
        assert_eq!(number(var), Some(i as u64));
    }
    for (i, var) in vars.iter().enumerate().rev() {
        assert_eq!(number(&vars[i / 2]), Some(i as u64 / 2));
        drop(guards.pop());
        assert_eq!(number(var), None);
    }
    assert_eq!(tally.alive(), alive, "all values went with their scopes");
}

// 5. leaving early

#[test]
fn a_panic_restores_exactly() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    everywhere(|tally| {
        let _outer = X.enter(tally.make(1));
        let before = Context::current();
        catch_bang(|| {
            let _one = X.enter(tally.make(2));
            Checkpoint::run(|| {
                X.set(tally.make(3)).unwrap();
                Y.set(tally.make(4)).unwrap();
                X.unset().unwrap();
                bang()
            })
        });
        assert!(Context::current().ptr_eq(&before));
        assert_eq!((number(&X), number(&Y)), (Some(1), None));
    });
}

#[test]
fn a_panic_caught_between_two_levels_restores_the_middle_one() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        X.sync_scope(tally.make(1), || {
            X.sync_scope(tally.make(2), || {
                catch_bang(|| {
                    X.sync_scope(tally.make(3), || X.sync_scope(tally.make(4), || bang()))
                });
                assert_eq!(number(&X), Some(2));
            });
            assert_eq!(number(&X), Some(1));
        });
    });
}

#[test]
fn early_return_and_break_restore_exactly() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let early = || {
            let _x = X.enter(tally.make(1));
            let _checkpoint = Checkpoint::enter();
            X.set(tally.make(2)).unwrap();
            if number(&X) == Some(2) {
                return 1;
            }
            2
        };
        assert_eq!((early(), number(&X)), (1, None));
        for _ in 0..3 {
            let _x = X.enter(tally.make(3));
            if number(&X) == Some(3) {
                break;
            }
        }
        assert_eq!(number(&X), None);
    });
}

#[test]
fn the_question_mark_restores_exactly() {
    static X: Var<u32> = Var::new("x");
    fn fails() -> Result<(), SetError<u32>> {
        let _open = Checkpoint::enter();
        X.set(1)?;
        let _sealed = Scope::new().enter();
        X.set(2)?;
        unreachable!("the scope is sealed");
    }
    fn fails_with_less() -> Result<(), NotOpen> {
        let _sealed = X.enter(3);
        X.set(4)?;
        unreachable!("the scope is sealed");
    }
    everywhere(|_| {
        assert_eq!(fails().unwrap_err().into_value(), 2);
        assert_eq!(fails_with_less().unwrap_err().name(), "x");
        assert!(!X.is_bound());
    });
}

// 6. identity

#[test]
fn two_variables_of_one_name_and_one_type_are_different() {
    static ONE: Var<u32> = Var::new("same");
    static OTHER: Var<u32> = Var::new("same");
    everywhere(|_| {
        let _one = ONE.enter(1);
        assert!(!OTHER.is_bound());
        let _other = OTHER.enter(2);
        assert_eq!((ONE.get(), OTHER.get()), (1, 2));
        assert_eq!(listed(), ["same", "same"]);
        let here = Context::current();
        assert_eq!((here.get(&ONE), here.get(&OTHER)), (Some(&1), Some(&2)));
        assert_ne!(here.binding(&ONE), here.binding(&OTHER));
    });
}

#[test]
fn a_variable_made_after_another_was_dropped_is_not_taken_for_it() {
    everywhere(|tally| {
        let old: Var<Counted> = Var::named("plugin");
        let kept = Context::empty().with(&old, tally.make(1));
        let _left = old.enter(tally.make(2));
        drop(old);
        for i in 0..100 {
            let text: Var<String> = Var::named("plugin");
            let same_type: Var<Counted> = Var::named("plugin");
            assert!(!text.is_bound() && !same_type.is_bound());
            let _text = text.enter(format!("{i}"));
            let _same_type = same_type.enter(tally.make(i));
            assert_eq!((text.get(), number(&same_type)), (format!("{i}"), Some(i)));
            assert_eq!((kept.get(&text), kept.get(&same_type).is_none()), (None, true));
        }
    });
}

#[test]
fn a_variable_made_at_run_time_may_go_before_its_frames_which_keep_its_name() {
    everywhere(|tally| {
        let name: Arc<str> = "plugin".into();
        let (guard, context) = {
            let var: Var<Counted> = Var::named(Arc::clone(&name));
            let guard = var.enter(tally.make(1));
            assert_eq!(var.name(), "plugin");
            (guard, Context::current())
        };
        assert!(context.iter().any(|binding| binding.name() == "plugin"));
        guard.leave();
        assert!(context.iter().any(|binding| binding.name() == "plugin"));
        drop(context);
        assert_eq!(Arc::strong_count(&name), 1, "nothing of the variable stays behind");
    });
}

// 7. several at once

#[test]
fn a_scope_with_several_bindings_equals_the_nested_single_ones() {
    static X: Var<u32> = Var::new("x");
    static Y: Var<u32> = Var::new("y");
    static Z: Var<u32> = Var::new("z");
    everywhere(|_| {
        let seen = || (X.try_get().ok(), Y.try_get().ok(), Z.try_get().ok(), listed());
        let _outer = Scope::new().set(&X, 0).set(&Z, 0).enter();
        let at_once = Scope::new().set(&X, 1).set(&Y, 2).unset(&Z).run(seen);
        let nested = X.sync_scope(1, || Y.sync_scope(2, || Scope::new().unset(&Z).run(seen)));
        assert_eq!(at_once, nested);
        assert_eq!(at_once, (Some(1), Some(2), None, vec!["x".to_string(), "y".to_string()]));
        assert_eq!(seen().0, Some(0));
    });
}

#[test]
fn the_value_expressions_of_a_scope_see_the_outer_bindings() {
    static X: Var<u32> = Var::new("x");
    static Y: Var<u32> = Var::with_default("y", || 5);
    everywhere(|_| {
        let _outer = X.enter(10);
        let seen =
            Scope::new().set(&X, X.get() + 1).set(&Y, X.get() + Y.get()).run(|| (X.get(), Y.get()));
        assert_eq!(seen, (11, 15));
    });
}

#[test]
fn of_duplicates_in_a_scope_the_last_wins() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let twice = Scope::new().set(&X, tally.make(1)).set(&X, tally.make(2));
        assert_eq!(twice.run(|| (number(&X), listed())), (Some(2), vec!["x".to_string()]));
        let thrice = Scope::new().set(&X, tally.make(1)).unset(&X).set(&X, tally.make(3));
        assert_eq!(thrice.run(|| number(&X)), Some(3));
        let masked = Scope::new().set(&X, tally.make(1)).unset(&X);
        assert_eq!(masked.run(|| (number(&X), listed().len())), (None, 0));
        assert_eq!(number(&X), None);
    });
}

#[test]
fn a_scope_is_left_at_once_with_all_its_bindings() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    static Z: Var<Counted> = Var::new("z");
    everywhere(|tally| {
        let alive = tally.alive();
        let guard = Scope::new()
            .set(&X, tally.make(1))
            .set(&Y, tally.make(2))
            .set(&Z, tally.make(3))
            .enter();
        assert_eq!(tally.alive() - alive, 3);
        drop(guard);
        assert_eq!(tally.alive(), alive);
        assert_eq!((number(&X), number(&Y), number(&Z)), (None, None, None));
    });
}

#[test]
fn a_scope_that_binds_nothing_is_sealed_all_the_same() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        let _open = Checkpoint::enter();
        Scope::new().run(|| assert_eq!(X.set(1).unwrap_err().into_value(), 1));
        Scope::default().run(|| assert!(X.unset().is_err()));
        X.set(2).expect("out of the scope it is open again");
    });
}

#[test]
fn a_scope_that_is_never_entered_binds_nothing_and_drops_its_values() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let alive = tally.alive();
        drop(Scope::new().set(&X, tally.make(1)));
        drop(Scope::new().set(&X, tally.make(1)).wrap(async {}));
        assert_eq!((number(&X), tally.alive()), (None, alive));
    });
}

// 8. values of any shape

#[test]
fn zero_sized_values_are_bound_and_dropped() {
    struct Nothing;
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPS.fetch_add(1, SeqCst);
        }
    }
    static UNIT: Var<()> = Var::new("unit");
    static NOTHING: Var<Nothing> = Var::new("nothing");
    assert_eq!(size_of::<Nothing>(), 0);
    everywhere(|_| {
        let before = DROPS.load(SeqCst);
        UNIT.sync_scope((), || {
            NOTHING.sync_scope(Nothing, || {
                assert!(UNIT.is_bound() && NOTHING.try_with(|_| ()).is_ok())
            });
            assert!(!NOTHING.is_bound());
            assert_eq!(DROPS.load(SeqCst), before + 1);
        });
        assert!(!UNIT.is_bound());
    });
}

#[test]
fn over_aligned_values_are_where_they_must_be() {
    #[repr(align(64))]
    #[derive(Clone, Copy)]
    struct Line(u8);
    #[repr(align(4096))]
    struct Page(u8);
    #[repr(align(4096))]
    struct EmptyPage;
    static LINE: Var<Line> = Var::new("line");
    static PAGE: Var<Page> = Var::new("page");
    static EMPTY: Var<EmptyPage> = Var::new("empty page");
    fn aligned<T>(value: &T) -> bool {
        ptr::from_ref(value).addr() % align_of_val(value) == 0
    }
    everywhere(|_| {
        let vars = variables(40);
        let tally = common::Tally::default();
        let mut guards = Vec::new();
        for var in &vars {
            guards.push(var.enter(tally.make(0)));
            let _scope =
                Scope::new().set(&LINE, Line(1)).set(&PAGE, Page(2)).set(&EMPTY, EmptyPage).enter();
            assert!(LINE.with(|line| line.0 == 1 && aligned(line)));
            assert!(PAGE.with(|page| page.0 == 2 && aligned(page)));
            assert!(EMPTY.with(aligned));
            let context = Context::current().with(&PAGE, Page(3));
            assert!(context.get(&PAGE).is_some_and(|page| page.0 == 3 && aligned(page)));
        }
        while guards.pop().is_some() {}
        let prepared = Checkpoint::prepare().set(&PAGE, Page(4));
        assert!(prepared.run(|| PAGE.with(|page| page.0 == 4 && aligned(page))));
    });
}

#[test]
fn closures_and_dyn_values_are_called_where_they_are_bound() {
    trait Greeter: Send + Sync {
        fn greet(&self, whom: &str) -> String;
    }
    struct Formal;
    impl Greeter for Formal {
        fn greet(&self, whom: &str) -> String {
            format!("good day, {whom}")
        }
    }
    static HOOK: Var<Box<dyn Fn(u32) -> u32 + Send + Sync>> = Var::new("hook");
    static GREETER: Var<Box<dyn Greeter>> = Var::new("greeter");
    static SHARED: Var<Arc<dyn Greeter>> = Var::new("shared greeter");
    static PLAIN: Var<fn(u32) -> u32> = Var::with_default("plain", || |x| x + 1);
    everywhere(|_| {
        let offset = 30;
        let scope =
            Scope::new().set(&HOOK, Box::new(move |x| x + offset)).set(&GREETER, Box::new(Formal));
        scope.set(&SHARED, Arc::new(Formal)).run(|| {
            assert_eq!(HOOK.with(|hook| hook(PLAIN.get()(11))), 42);
            assert_eq!(GREETER.with(|greeter| greeter.greet("Ada")), "good day, Ada");
            assert_eq!(SHARED.get().greet("Grace"), "good day, Grace");
        });
        assert!(!HOOK.is_bound() && !GREETER.is_bound() && !SHARED.is_bound());
    });
}

#[test]
fn a_closure_that_is_bound_may_bind_itself() {
    type Step = Box<dyn Fn(u32) -> u32 + Send + Sync>;
    static STEP: Var<Step> = Var::new("step");
    fn count_down(n: u32) -> u32 {
        if n == 0 {
            0
        } else {
            STEP.sync_scope(Box::new(count_down), || 1 + STEP.with(|step| step(n - 1)))
        }
    }
    everywhere(|_| assert_eq!(count_down(50), 50));
}

#[test]
fn values_larger_than_a_page_keep_every_byte() {
    static PAGE: Var<[u8; 4096]> = Var::new("page");
    static BIG: Var<[u64; 4096]> = Var::new("big");
    everywhere(|_| {
        let page: [u8; 4096] = std::array::from_fn(|i| i as u8);
        let big: [u64; 4096] = std::array::from_fn(|i| i as u64 * 3);
        let context = Scope::new().set(&PAGE, page).set(&BIG, big).run(|| {
            assert!(PAGE.get() == page && BIG.with(|seen| *seen == big));
            Context::current()
        });
        assert!(context.get(&PAGE) == Some(&page) && context.get(&BIG) == Some(&big));
    });
}

#[test]
fn a_value_need_be_neither_clone_nor_debug() {
    struct Opaque(Mutex<u32>);
    static OPAQUE: Var<Opaque> = Var::new("opaque");
    everywhere(|_| {
        let seen = OPAQUE.sync_scope(Opaque(Mutex::new(8)), || {
            let here = Context::current();
            assert!(format!("{here:?}").contains("opaque"));
            *here.get(&OPAQUE).unwrap().0.lock().unwrap()
        });
        assert_eq!(seen, 8);
    });
}

// 9. by reference

#[test]
fn values_are_read_by_reference_without_a_clone() {
    static CLONES: AtomicUsize = AtomicUsize::new(0);
    struct Noticed;
    impl Clone for Noticed {
        fn clone(&self) -> Self {
            CLONES.fetch_add(1, SeqCst);
            Noticed
        }
    }
    static NOTICED: Var<Noticed> = Var::new("noticed");
    everywhere(|_| {
        let clones = CLONES.load(SeqCst);
        let context = NOTICED.sync_scope(Noticed, || {
            NOTICED.with(|_| ());
            NOTICED.try_with(|_| ()).unwrap();
            let context = Context::current();
            context.run(|| NOTICED.with(|_| ()));
            context.clone()
        });
        assert!(context.get(&NOTICED).is_some());
        Checkpoint::prepare().set(&NOTICED, Noticed).run(|| NOTICED.with(|_| ()));
        assert_eq!(CLONES.load(SeqCst), clones);
        NOTICED.sync_scope(Noticed, || NOTICED.get());
        assert_eq!(CLONES.load(SeqCst), clones + 1);
    });
}

#[test]
fn a_value_stays_at_one_address_while_the_stack_grows_and_is_captured() {
    static X: Var<Counted> = Var::new("x");
    fn address() -> usize {
        X.with(|x| ptr::from_ref(x).addr())
    }
    everywhere(|tally| {
        let _x = X.enter(tally.make(1));
        let at = address();
        let vars = variables(200);
        let mut guards = Vec::new();
        let mut contexts = Vec::new();
        for var in &vars {
            guards.push(var.enter(tally.make(2)));
            contexts.push(Context::current());
            assert_eq!(address(), at);
        }
        for context in &contexts {
            assert_eq!(ptr::from_ref(context.get(&X).unwrap()).addr(), at);
        }
        while guards.pop().is_some() {}
    });
}

#[test]
fn a_value_is_dropped_when_its_checkpoint_is_left_and_no_context_holds_it() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let alive = tally.alive();
        let guard = X.enter(tally.make(1));
        drop(guard);
        assert_eq!(tally.alive(), alive, "no context: with the checkpoint");
        let guard = X.enter(tally.make(2));
        let context = Context::current();
        let copy = context.clone();
        drop(guard);
        assert_eq!(tally.alive(), alive + 1, "a context: not yet");
        drop(context);
        assert_eq!(tally.alive(), alive + 1, "another one: not yet");
        drop(copy);
        assert_eq!(tally.alive(), alive, "with the last of them");
        let guard = X.enter(tally.make(3));
        drop(Context::current());
        assert_eq!(tally.alive(), alive + 1, "its checkpoint still has it");
        drop(guard);
        assert_eq!(tally.alive(), alive);
    });
}

#[test]
fn a_value_is_dropped_on_the_thread_that_let_go_last() {
    static LAST: Mutex<Option<thread::ThreadId>> = Mutex::new(None);
    struct TellsThread;
    impl Drop for TellsThread {
        fn drop(&mut self) {
            *LAST.lock().unwrap() = Some(thread::current().id());
        }
    }
    static TELLS: Var<TellsThread> = Var::new("tells");
    in_each_place(|| {
        let context = TELLS.sync_scope(TellsThread, Context::current);
        let other = thread::spawn(move || drop(context));
        let id = other.thread().id();
        other.join().unwrap();
        assert_eq!(LAST.lock().unwrap().take(), Some(id));
        TELLS.sync_scope(TellsThread, || ());
        assert_eq!(LAST.lock().unwrap().take(), Some(thread::current().id()));
    });
}

#[test]
fn setting_again_in_one_checkpoint_replaces_and_the_replaced_value_ends() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let alive = tally.alive();
        let checkpoint = Checkpoint::enter();
        for i in 0..100 {
            X.set(tally.make(i)).unwrap();
            assert_eq!((number(&X), tally.alive() - alive), (Some(i), 1));
        }
        assert_eq!(X.history().len(), 1);
        drop(checkpoint);
        assert_eq!((number(&X), tally.alive()), (None, alive));
    });
}

#[test]
fn a_variable_set_twice_in_an_inner_checkpoint_keeps_the_outer_value_on_exit() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _outer = Checkpoint::enter();
        X.set(tally.make(1)).unwrap();
        Checkpoint::run(|| {
            X.set(tally.make(2)).unwrap();
            X.set(tally.make(3)).unwrap();
            assert_eq!(number(&X), Some(3));
        });
        assert_eq!(number(&X), Some(1));
    });
}

#[test]
fn any_number_of_variables_set_in_turn_many_times_read_back_and_restore() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let _outer = Checkpoint::enter();
            vars.iter().enumerate().for_each(|(i, var)| var.set(tally.make(i as u64)).unwrap());
            Checkpoint::run(|| {
                for round in 1..4 {
                    for (i, var) in vars.iter().enumerate() {
                        var.set(tally.make((round * 10_000 + i) as u64)).unwrap();
                    }
                    let read = |(i, var)| number(var) == Some((round * 10_000 + i) as u64);
                    assert!(vars.iter().enumerate().all(read));
                }
            });
            assert!(vars.iter().enumerate().all(|(i, var)| number(var) == Some(i as u64)));
        }
    });
}

// 10. where nothing can be set

#[test]
fn set_with_no_checkpoint_is_an_error_that_gives_the_value_back() {
    static X: Var<Counted> = Var::new("x");
    let on_a_bare_thread = || {
        let tally = common::Tally::default();
        let error = X.set(tally.make(5)).unwrap_err();
        assert_eq!((error.error().name(), error.error().sealed_at()), ("x", None));
        assert_eq!(
            error.to_string(),
            "the variable `x` cannot be changed: no checkpoint is entered here"
        );
        assert_eq!(tally.alive(), 1);
        assert_eq!(error.into_value().number, 5);
        tally.assert_nothing_left();
        assert!(X.unset().is_err() && X.pop().is_err() && X.reset().is_err());
        assert!(!X.is_bound());
    };
    thread::spawn(on_a_bare_thread).join().unwrap();
    pool().block_on(pool().spawn_blocking(on_a_bare_thread)).unwrap();
    pool().block_on(pool().spawn(async move { on_a_bare_thread() })).unwrap();
}

#[test]
fn set_in_a_sealed_scope_is_an_error_that_says_where_the_scope_was_entered() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    everywhere(|tally| {
        let _open = Checkpoint::enter();
        let (_sealed, place) = (X.enter(tally.make(1)), here());
        for refused in [X.set(tally.make(2)).unwrap_err(), Y.set(tally.make(2)).unwrap_err()] {
            let sealed_at = refused.error().sealed_at().expect("a sealed scope");
            assert_eq!((sealed_at.file(), sealed_at.line()), (place.file(), place.line()));
            let name = refused.error().name();
            let text = format!(
                "the variable `{name}` cannot be changed: the scope entered at {sealed_at} is sealed"
            );
            assert_eq!(refused.to_string(), text);
            assert_eq!(refused.into_value().number, 2);
        }
        assert!(X.unset().is_err() && X.pop().is_err() && X.reset().is_err());
        assert_eq!(X.unset().unwrap_err().to_string(), X.pop().unwrap_err().to_string());
        assert_eq!((number(&X), number(&Y)), (Some(1), None));
    });
}

#[test]
fn a_scope_is_sealed_also_where_it_was_captured_and_where_it_is_a_future() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        let _sealed = Scope::new().set(&X, 1).enter();
        let _context = Context::current();
        assert!(X.set(2).is_err());
        let mut future = Box::pin(X.scope(3, async { X.set(4).is_err() }));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert_eq!(future.as_mut().poll(&mut context), std::task::Poll::Ready(true));
    });
}

#[test]
fn a_callee_changes_what_its_caller_sees_only_through_the_callers_own_checkpoint() {
    static X: Var<u32> = Var::new("x");
    fn callee_in_its_own_checkpoint() {
        Checkpoint::run(|| X.set(99).unwrap());
    }
    fn callee_in_the_callers_checkpoint() {
        X.set(2).unwrap();
    }
    everywhere(|_| {
        let _open = Checkpoint::enter();
        X.set(1).unwrap();
        callee_in_its_own_checkpoint();
        assert_eq!(X.get(), 1);
        callee_in_the_callers_checkpoint();
        assert_eq!(X.get(), 2);
    });
}

#[test]
fn an_error_of_set_never_shows_the_value() {
    static SECRET: Var<String> = Var::new("secret");
    everywhere(|_| {
        let _sealed = Scope::new().enter();
        let error = SECRET.set("hunter2".into()).unwrap_err();
        assert!(!format!("{error:?} {error:#?} {error}").contains("hunter2"));
        assert!(format!("{error:?}").contains("secret"));
        let plain: NotOpen = error.into();
        assert_eq!(plain.name(), "secret");
        let _: &dyn std::error::Error = &plain;
    });
}

// 11. prepared beforehand

#[test]
fn a_prepared_checkpoint_shows_its_bindings_on_entry_and_not_before() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::with_default("y", || unreachable!("nobody asks for it"));
    everywhere(|tally| {
        let prepared = Checkpoint::prepare().set(&X, tally.make(1)).set(&Y, tally.make(2));
        assert!(!X.is_bound() && !Y.is_bound());
        prepared.run(|| assert_eq!((number(&X), number(&Y)), (Some(1), Some(2))));
        assert!(!X.is_bound() && !Y.is_bound());
    });
}

#[test]
fn a_prepared_checkpoint_entered_again_shows_them_again() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let prepared = Checkpoint::prepare().set(&X, tally.make(1));
        for _ in 0..3 {
            prepared.run(|| {
                assert_eq!(number(&X), Some(1));
                X.set(tally.make(2)).expect("it is open");
                assert_eq!(number(&X), Some(2));
            });
        }
        let outer = prepared.enter();
        X.set(tally.make(3)).unwrap();
        prepared.run(|| assert_eq!(number(&X), Some(1), "entered inside itself"));
        assert_eq!(number(&X), Some(3));
        outer.leave();
    });
}

#[test]
fn of_duplicates_in_a_prepared_checkpoint_the_last_wins() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let prepared = Checkpoint::prepare().set(&X, tally.make(1)).set(&X, tally.make(2));
        assert_eq!(prepared.run(|| number(&X)), Some(2));
    });
}

#[test]
fn the_values_of_a_prepared_checkpoint_end_with_the_last_that_holds_them() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let alive = tally.alive();
        let prepared = Checkpoint::prepare().set(&X, tally.make(1));
        let context = prepared.run(Context::current);
        let copy = prepared.clone();
        let guard = copy.enter();
        drop((prepared, copy));
        assert_eq!((number(&X), tally.alive()), (Some(1), alive + 1), "the guard has it");
        drop(guard);
        assert_eq!(
            (common::number_in(&context, &X), tally.alive()),
            (Some(1), alive + 1),
            "the context has it"
        );
        drop(context);
        assert_eq!(tally.alive(), alive);
    });
}

#[test]
fn a_prepared_checkpoint_is_entered_on_many_threads_at_once() {
    static X: Var<Counted> = Var::new("x");
    let tally = common::Tally::default();
    let prepared = Checkpoint::prepare().set(&X, tally.make(1));
    let together = Barrier::new(4);
    thread::scope(|scope| {
        for i in 0..4 {
            let (prepared, tally, together) = (&prepared, &tally, &together);
            scope.spawn(move || {
                prepared.run(|| {
                    together.wait();
                    assert_eq!(number(&X), Some(1));
                    X.set(tally.make(100 + i)).unwrap();
                    together.wait();
                    assert_eq!(number(&X), Some(100 + i));
                });
            });
        }
    });
    assert_eq!(tally.alive(), 1);
    drop(prepared);
    tally.assert_nothing_left();
}

#[test]
fn a_prepared_checkpoint_wraps_futures() {
    static X: Var<u32> = Var::new("x");
    let prepared = Checkpoint::prepare().set(&X, 1);
    let body = || async {
        let first = X.get();
        tokio::task::yield_now().await;
        X.set(first + 1).unwrap();
        X.get()
    };
    let seen =
        pool().block_on(async { (prepared.wrap(body()).await, prepared.wrap(body()).await) });
    assert_eq!(seen, (2, 2));
}

#[test]
fn a_prepared_checkpoint_binds_any_number_of_variables() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let numbered = vars.iter().enumerate();
            let prepared = numbered.fold(Checkpoint::prepare(), |prepared, (i, var)| {
                prepared.set(var, tally.make(i as u64))
            });
            for _ in 0..2 {
                prepared.run(|| {
                    assert!(vars.iter().enumerate().all(|(i, var)| number(var) == Some(i as u64)))
                });
                assert!(vars.iter().all(|var| number(var).is_none()));
            }
        }
    });
}

// what is kept of a scope that was left, for the next one in its place

#[test]
fn a_scope_is_not_taken_for_one_that_was_left_on_another_frame() {
    static SCOPE: Var<u32> = Var::new("scope");
    static ONE: Var<u32> = Var::new("one");
    static TWO: Var<u32> = Var::new("two");
    Checkpoint::run(|| {
        for round in 0..3 {
            ONE.set(round).unwrap();
            SCOPE.sync_scope(1, || {
                assert_eq!((ONE.try_get().ok(), TWO.try_get().ok()), (Some(round), None))
            });
            ONE.reset().unwrap();
            TWO.set(round).unwrap();
            SCOPE.sync_scope(2, || {
                assert_eq!((ONE.try_get().ok(), TWO.try_get().ok()), (None, Some(round)))
            });
            TWO.reset().unwrap();
        }
    });
}

#[test]
fn a_scope_that_binds_and_one_that_masks_take_turns_in_one_place() {
    static X: Var<u32> = Var::new("x");
    for round in 0..4 {
        Scope::new().unset(&X).run(|| assert_eq!(X.try_get().unwrap_err().name(), "x"));
        X.sync_scope(round, || assert_eq!(X.get(), round));
        Scope::new().unset(&X).run(|| assert!(X.try_get().is_err()));
        Checkpoint::run(|| assert!(!X.is_bound()));
    }
}
