//! What was left behind.

use crate::{here, is_alone, number, outlived};
use stackholm::{
    Checkpoint, Context, ContextExt, Envelope, Misuse, Scope, Var, embed::Stack, inspect,
};
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

#[test]
#[cfg_attr(miri, ignore = "what is forgotten is a leak")]
fn a_forgotten_envelope_shows_its_bindings_with_where_they_were_bound_and_captured() {
    static USER: Var<String> = Var::new("user of a forgotten envelope");
    let _watching = inspect::watch();
    let (bound, captured) = (here() + 1, here() + 2);
    USER.sync_scope("ada".into(), || {
        std::mem::forget(Envelope::new("job"));
        assert_eq!(number(&USER), 0, "its stack has it still");
    });
    let view = inspect::look();
    let found = outlived(&view, &USER);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].bound_at().line(), found[0].bound_at().file()), (bound, file!()));
    assert_eq!(found[0].captured_at().map(Location::line), Some(captured));
    let text = view.to_string();
    let said = format!(
        "`{}` bound at {}:{bound}:10, captured at {}:{captured}:",
        USER.name(),
        file!(),
        file!()
    );
    assert!(text.contains(&said), "{text}");
}

#[test]
fn an_entry_goes_as_the_last_context_ends_on_whatever_thread() {
    static USER: Var<String> = Var::new("user of two contexts");
    let _watching = inspect::watch();
    let first = USER.sync_scope("ada".into(), Context::current);
    let second = first.clone();
    assert_eq!(number(&USER), 1);
    drop(first);
    assert_eq!(number(&USER), 1);
    thread::spawn(move || drop(second)).join().unwrap();
    assert_eq!(number(&USER), 0);
}

#[test]
fn the_place_is_that_of_the_first_capture() {
    static USER: Var<String> = Var::new("user who is captured twice");
    let _watching = inspect::watch();
    let mut first = 0;
    let _kept = USER.sync_scope("ada".into(), || {
        first = here() + 1;
        let one = Context::current();
        (one, Context::current(), async {}.in_current_context())
    });
    let view = inspect::look();
    assert_eq!(outlived(&view, &USER)[0].captured_at().map(Location::line), Some(first));
}

#[test]
fn a_task_that_was_handed_a_binding_is_where_it_was_captured() {
    static USER: Var<String> = Var::new("user of a task");
    static MINE: Var<String> = Var::new("what a task binds");
    let _watching = inspect::watch();
    let handed = here() + 1;
    let task = USER.sync_scope("ada".into(), || std::future::pending::<()>().in_current_context());
    let view = inspect::look();
    assert_eq!(outlived(&view, &USER)[0].captured_at().map(Location::line), Some(handed));
    drop(task);
    assert_eq!(number(&USER), 0);
    // What is bound on the stack of a task outlives that as it does a thread's.
    let mut stack = Stack::new();
    let kept = stack.scope(&MINE, "x".into(), |stack| stack.capture());
    assert_eq!(number(&MINE), 1);
    drop((stack, kept));
    assert_eq!(number(&MINE), 0);
}

#[test]
fn a_scope_of_several_is_listed_with_each_of_its_bindings() {
    static A: Var<String> = Var::new("first of several");
    static B: Var<String> = Var::new("second of several");
    let _watching = inspect::watch();
    let scope = || Scope::new().set(&A, "a".into()).set(&B, "b".into());
    let kept = scope().run(Context::current);
    assert_eq!((number(&A), number(&B)), (1, 1));
    let one = kept.keep(&A);
    drop(kept);
    assert_eq!((number(&A), number(&B)), (1, 0), "its value is kept alone");
    drop(one);
    assert_eq!(number(&A), 0);
    // A stack that ends and leaves all of it to its contexts.
    let mut stack = Stack::new();
    stack.run(|| std::mem::forget(scope().enter()));
    let kept = stack.capture();
    drop(stack);
    assert_eq!((number(&A), number(&B)), (1, 1));
    drop(kept);
    assert_eq!((number(&A), number(&B)), (0, 0));
}

#[test]
fn what_is_bound_anew_or_compacted_is_listed_while_a_context_keeps_it() {
    static N: Var<Box<usize>> = Var::new("what is bound anew");
    let _watching = inspect::watch();
    let mut kept = Vec::new();
    Checkpoint::run(|| {
        for n in 0..200 {
            N.set(Box::new(n)).unwrap();
            if n % 3 == 0 {
                kept.push(Context::current());
            }
        }
    });
    assert_eq!((number(&N), kept.len()), (67, 67));
    kept.truncate(10);
    assert_eq!(number(&N), 10);
    drop(kept);
    assert_eq!(number(&N), 0);
}

#[test]
fn what_a_read_keeps_is_not_listed_and_what_a_context_keeps_after_it_is() {
    static N: Var<Box<usize>> = Var::new("what is read");
    let _watching = inspect::watch();
    let guard = N.enter(Box::new(1));
    N.with(|_| {
        drop(guard);
        assert_eq!(number(&N), 0);
    });
    let guard = N.enter(Box::new(2));
    let mut kept = None;
    N.with(|_| {
        kept = Some(Context::current());
        drop(guard);
    });
    assert_eq!(number(&N), 1);
    drop(kept);
    assert_eq!(number(&N), 0);
}

#[test]
fn a_value_that_is_kept_alone_has_no_place_of_capture() {
    static N: Var<Box<usize>> = Var::new("what is kept alone");
    let _watching = inspect::watch();
    for _ in 0..2 {
        // The second scope has the memory of the first one, which was captured.
        let kept = N.sync_scope(Box::new(1), || N.keep());
        let view = inspect::look();
        assert_eq!(outlived(&view, &N)[0].captured_at(), None);
        drop(kept);
        N.sync_scope(Box::new(1), || drop(Context::current()));
    }
    assert_eq!(number(&N), 0);
}

#[test]
fn what_is_hidden_and_let_go_is_not_listed() {
    static BIG: Var<Vec<u8>> = Var::new("big");
    let _watching = inspect::watch();
    let forever = BIG.sync_scope(vec![0; 1000], || {
        BIG.sync_scope(vec![1; 1000], || std::future::pending::<()>().in_current_context())
    });
    assert_eq!(number(&BIG), 1, "the outer one was dropped");
    drop(forever);
    assert_eq!(number(&BIG), 0);
}

#[test]
fn what_a_context_keeps_without_showing_it_is_pinned() {
    static N: Var<u32> = Var::new("number");
    static TEXT: Var<String> = Var::new("text");
    static OTHER: Var<u8> = Var::new("other");
    let context = N.sync_scope(1, || {
        let guard = TEXT.enter("a".into());
        let context = OTHER.sync_scope(1, || {
            let inner = [N.enter(2), TEXT.enter("b".into())];
            let context = Context::current();
            drop(inner);
            context
        });
        drop(guard);
        context
    });
    let pinned = inspect::pinned(&context);
    let names: Vec<_> =
        pinned.iter().map(|pinned| (pinned.name(), pinned.bound_at().file())).collect();
    assert!(names.iter().all(|name| *name == ("number", file!())), "{names:?}");
    assert!(pinned.len() <= 1, "a text needs a drop and is let go");
    assert!(inspect::pinned(&context.trimmed()).is_empty());
    assert!(inspect::pinned(&Context::empty()).is_empty());
    // Of a context that was entered, and captured again with more.
    let again = context.run(|| OTHER.sync_scope(2, Context::current));
    let pinned = inspect::pinned(&again);
    assert!(pinned.iter().any(|pinned| pinned.name() == "other"), "{pinned:?}");
    // What was made at once shows all that it keeps.
    let at_once = Context::build().set(&N, 1).set(&TEXT, "c".into()).set(&OTHER, 1).done();
    assert_eq!(format!("{:?}", inspect::pinned(&at_once)), "[]");
    // What it counts itself is kept, also where it does not show it any more.
    let pinned = inspect::pinned(&at_once.with(&N, 2));
    assert_eq!(pinned.iter().map(|pinned| pinned.name()).collect::<Vec<_>>(), ["number"]);
}

#[test]
fn bindings_of_short_reach_end_with_their_stack_and_are_never_listed() {
    static TX: Var<String> = Var::new("transaction").stays_on_stack();
    let _watching = inspect::watch();
    let _kept = TX.sync_scope("t".into(), Context::current);
    assert_eq!(number(&TX), 0);
    assert!(inspect::pinned(&_kept).is_empty());
}

#[test]
fn a_guard_that_is_forgotten_is_told_with_where_it_was_made() {
    static N: Var<u8> = Var::new("forgotten guard");
    let _watching = inspect::watch();
    let line = here() + 2;
    Checkpoint::run(|| {
        std::mem::forget(N.enter(1));
    });
    let several = here() + 2;
    Checkpoint::run(|| {
        std::mem::forget(N.enter(1));
        std::mem::forget(N.enter(2));
        std::mem::forget(N.enter(3));
    });
    let at_end = here() + 1;
    thread::spawn(|| std::mem::forget(N.enter(2))).join().unwrap();
    let view = inspect::look();
    let times = |line| {
        let is_it = |place: &Location<'_>| place.file() == file!() && place.line() == line;
        let unclosed = view.unclosed().iter().find(|one| one.entered_at().is_some_and(is_it));
        unclosed.map_or(0, inspect::Unclosed::times)
    };
    assert_eq!((times(line), times(at_end)), (1, 1), "{view}");
    assert_eq!(times(line - 1), 0, "the outer one was left by its guard");
    assert_eq!([0, 1, 2].map(|further| times(several + further)), [1; 3], "{view}");
    assert_eq!(times(several - 1), 0, "the outer one was left by its guard");
}

/// Alone in its process: the table has no room for others after it.
#[test]
fn beyond_sixty_three_places_those_that_are_never_left_are_counted_together() {
    static N: Var<u8> = Var::new("forgotten at seventy places");
    if !is_alone("left::beyond_sixty_three_places_those_that_are_never_left_are_counted_together") {
        return;
    }
    let _watching = inspect::watch();
    #[rustfmt::skip]
    let enter = || [
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
        N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1), N.enter(1),
    ];
    for _ in 0..3 {
        Checkpoint::run(|| std::mem::forget(enter()));
    }
    let view = inspect::look();
    let (known, others): (Vec<_>, Vec<_>) =
        view.unclosed().iter().partition(|one| one.entered_at().is_some());
    assert_eq!(known.len(), 63);
    assert!(known.iter().all(|one| one.times() == 3), "{view}");
    assert_eq!(others.iter().map(|one| one.times()).collect::<Vec<_>>(), [3 * 7]);
}

#[test]
fn misuse_is_counted() {
    static N: Var<u8> = Var::new("misused guard");
    let count = |misuse| {
        let _watching = inspect::watch();
        let counted: Vec<_> = inspect::look().misuses().collect();
        counted.iter().find(|(of, _)| *of == misuse).map_or(0, |(_, times)| *times)
    };
    let before = (count(Misuse::LeftWithInner), count(Misuse::NotHere));
    let (outer, inner) = (N.enter(1), N.enter(2));
    drop(outer);
    drop(inner);
    assert!(count(Misuse::LeftWithInner) > before.0 && count(Misuse::NotHere) > before.1);
}

/// Alone in its process: others watch.
#[test]
fn nothing_is_noted_while_nobody_watches_and_what_was_noted_disappears() {
    if !is_alone("left::nothing_is_noted_while_nobody_watches_and_what_was_noted_disappears") {
        return;
    }
    static N: Var<Box<u8>> = Var::new("unwatched");
    let keep = || N.sync_scope(Box::new(1), Context::current);
    let unseen = keep();
    assert!(!inspect::is_watching());
    let watching = inspect::watch();
    assert_eq!(number(&N), 0);
    let seen = keep();
    let nested = inspect::watch();
    drop(watching);
    assert_eq!(number(&N), 1, "one guard is there still");
    drop(nested);
    assert!(!inspect::is_watching());
    assert_eq!(number(&N), 0, "nobody watches");
    let watching = inspect::watch();
    assert_eq!(number(&N), 0, "that was another time");
    watching.assert_nothing_outlived();
    drop((unseen, seen));
    let late = keep();
    assert_eq!(number(&N), 1);
    let complaint = std::panic::catch_unwind(|| watching.assert_nothing_outlived()).unwrap_err();
    let complaint = complaint.downcast_ref::<String>().unwrap();
    assert!(
        complaint.contains("1 binding kept though left\n  `unwatched` bound at"),
        "{complaint}"
    );
    drop(late);
}

#[test]
fn a_name_that_was_made_at_run_time_is_cut_and_one_that_was_not_is_whole() {
    static LONG: [u8; 10_000] = [b'n'; 10_000];
    let long = std::str::from_utf8(&LONG).unwrap();
    let _watching = inspect::watch();
    let made = Var::named(format!("made {}é", "x".repeat(34)));
    let whole = Var::new(long);
    let made_kept = made.sync_scope(Box::new(1), Context::current);
    let whole_kept = whole.sync_scope(Box::new(1), Context::current);
    let view = inspect::look();
    drop(made);
    let cut = if size_of::<usize>() == 8 { 39 } else { 20 };
    assert!(
        view.outlived().iter().any(|one| one.name() == &format!("made {}", "x".repeat(34))[..cut])
    );
    assert!(view.outlived().iter().any(|one| one.name() == long));
    drop((made_kept, whole_kept));
}

/// A value that counts.
struct Counted(&'static AtomicUsize);

impl Counted {
    fn new(alive: &'static AtomicUsize) -> Self {
        alive.fetch_add(1, Relaxed);
        Counted(alive)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Random programs: once all is left, the list has as many bindings as there are values alive.
#[test]
fn the_list_has_exactly_the_values_that_are_alive_once_everything_is_left() {
    // Beside ten thousand stacks each look takes its time.
    if !is_alone("left::the_list_has_exactly_the_values_that_are_alive_once_everything_is_left") {
        return;
    }
    static ALIVE: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
    static VARS: [Var<Counted>; 3] =
        [Var::new("random a"), Var::new("random b"), Var::new("random c")];
    let _watching = inspect::watch();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 33) as usize % n
    };
    for round in 0..if cfg!(miri) { 5 } else { 400 } {
        let (mut contexts, mut weak, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut guards = vec![Checkpoint::enter()];
        for _ in 0..next(60) {
            let i = next(3);
            match next(11) {
                0 | 1 => guards.push(VARS[i].enter(Counted::new(&ALIVE[i]))),
                2 => guards.push(
                    Scope::new()
                        .set(&VARS[0], Counted::new(&ALIVE[0]))
                        .set(&VARS[1], Counted::new(&ALIVE[1]))
                        .enter(),
                ),
                3 => guards.push(Checkpoint::enter()),
                4 => drop(VARS[i].set(Counted::new(&ALIVE[i]))),
                5 => drop(VARS[i].unset()),
                6 => contexts.push(Context::current()),
                7 => drop((next(2) == 0).then(|| guards.pop())),
                8 => {
                    drop((!contexts.is_empty()).then(|| contexts.swap_remove(next(contexts.len()))))
                }
                9 => weak.push(Context::current().downgrade()),
                _ => kept.extend(VARS[i].keep()),
            }
            assert!(VARS.iter().zip(&ALIVE).all(|(var, alive)| number(var) <= alive.load(Relaxed)));
        }
        while let Some(guard) = guards.pop() {
            drop(guard);
        }
        contexts.extend(weak.iter().filter_map(stackholm::WeakContext::upgrade));
        for (var, alive) in VARS.iter().zip(&ALIVE) {
            assert_eq!(number(var), alive.load(Relaxed), "{} in round {round}", var.name());
        }
        drop((contexts, kept));
        assert!(VARS.iter().all(|var| number(var) == 0), "round {round}");
        assert!(ALIVE.iter().all(|alive| alive.load(Relaxed) == 0));
    }
}

#[test]
fn a_context_that_was_made_by_hand_is_listed_until_its_bindings_end() {
    static N: Var<String> = Var::new("made by hand");
    let _watching = inspect::watch();
    let listed = || {
        let view = inspect::look();
        let made = view.derived().iter().filter(|derived| derived.name() == N.name());
        made.map(|derived| derived.bound_at().line()).collect::<Vec<_>>()
    };
    let (line, context) = (here(), Context::empty().with(&N, "a".into()));
    let hidden = (here(), context.with(&N, "b".into()));
    let mut lines = listed();
    lines.sort_unstable();
    assert_eq!((lines, number(&N)), (vec![line, hidden.0], 0));
    context.run(|| assert_eq!(N.get(), "a"));
    assert_eq!(number(&N), 0, "no stack had it");
    drop(context);
    assert_eq!(listed(), [hidden.0]);
    let value = hidden.1.keep(&N);
    drop(hidden);
    assert_eq!(listed().len(), 1, "its value is kept");
    drop(value);
    assert_eq!(listed(), [0; 0]);
}

#[test]
fn a_capture_that_was_passed_as_a_function_names_no_place_of_the_standard_library() {
    static N: Var<String> = Var::new("captured by a function");
    let _watching = inspect::watch();
    let _kept = N.sync_scope("a".into(), Context::current);
    let view = inspect::look();
    assert_eq!(outlived(&view, &N)[0].captured_at(), None);
}

#[test]
fn ten_thousand_may_watch_at_once() {
    if !is_alone("left::ten_thousand_may_watch_at_once") {
        return;
    }
    static A: Var<u8> = Var::new("seen by ten thousand");
    let mut watching = Vec::new();
    for number in 1..=10_000 {
        watching.push(inspect::watch());
        assert!(inspect::is_watching(), "{number} watch");
    }
    let kept = A.sync_scope(1, Context::current);
    while watching.pop().is_some() {
        assert_eq!(inspect::is_watching(), !watching.is_empty());
        if watching.len() == 1 {
            assert_eq!(number(&A), 1, "the first one watches still");
        }
    }
    drop(kept);
}
