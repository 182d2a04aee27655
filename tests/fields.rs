//! Fields: what variables that are declared to be logged give to any sink.

#[path = "common/bomb.rs"]
mod bomb;
mod counting;

use counting::blocks;
use stackholm::fields::{Displayed, Field, FieldValue, Fields, Project};
use stackholm::{Checkpoint, Context, ContextExt, Misuse, Scope, Var};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

static REQUEST: Var<u64> = Var::new("request.id").logged();
static USER: Var<&str> = Var::new("user").logged();
static SILENT: Var<&str> = Var::new("silent").shown();

/// The fields of here, as text.
fn here() -> String {
    Fields::current().to_string()
}

#[test]
fn a_variable_is_a_field_where_it_is_bound_if_it_is_declared_to_be_logged() {
    assert_eq!(here(), "");
    Scope::new().set(&REQUEST, 7).set(&USER, "ada").set(&SILENT, "canary").run(|| {
        assert_eq!(here(), "request.id=7 user=ada");
        Checkpoint::run(|| {
            USER.unset().unwrap();
            assert_eq!(here(), "request.id=7");
            USER.set("grace").unwrap();
            assert_eq!(here(), "request.id=7 user=grace");
            USER.pop().unwrap();
            assert_eq!(here(), "request.id=7 user=ada");
        });
        assert_eq!(here(), "request.id=7 user=ada");
        assert_eq!(Context::current().fields().to_string(), here());
    });
    assert_eq!(here(), "");
    assert!(Context::empty().fields().is_empty());
}

#[test]
fn what_was_prepared_or_is_bound_once_more_is_a_field_too() {
    let prepared = Checkpoint::prepare().set(&REQUEST, 7).set(&USER, "ada");
    assert_eq!(prepared.run(here), "request.id=7 user=ada");
    let context = prepared.run(Context::current);
    assert_eq!(context.fields().to_string(), "request.id=7 user=ada");
    let one = USER.sync_scope("grace", || Context::current().only(&[&USER]));
    assert_eq!(one.run(here), "user=grace");
    assert_eq!(one.fields().to_string(), "user=grace");
}

#[test]
fn what_is_handed_over_has_its_fields_and_what_is_detached_has_none() {
    REQUEST.sync_scope(7, || {
        assert_eq!(stackholm::thread::spawn(here).join().unwrap(), "request.id=7");
        assert_eq!(stackholm::thread::spawn_detached(here).join().unwrap(), "");
        assert_eq!(thread::spawn(here).join().unwrap(), "");
        let mut names = std::iter::repeat_with(here).in_current_context();
        assert_eq!(thread::spawn(move || names.next()).join().unwrap().unwrap(), "request.id=7");
    });
}

/// Logs as it is dropped.
struct LogsItsEnd(Arc<Mutex<Vec<String>>>);

impl Drop for LogsItsEnd {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(here());
    }
}

#[test]
fn what_a_destructor_logs_has_the_fields_of_what_it_ends_with() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let witness = LogsItsEnd(Arc::clone(&lines));
    let future = REQUEST.sync_scope(7, || async move { drop(witness) }.in_current_context());
    drop(future);
    assert_eq!(*lines.lock().unwrap(), ["request.id=7"]);
}

#[test]
fn a_snapshot_shows_the_moment_when_it_was_taken_wherever_it_is_read() {
    let taken = REQUEST.sync_scope(7, || {
        let taken = Fields::current();
        REQUEST.sync_scope(8, || assert_eq!(here(), "request.id=8"));
        taken
    });
    assert_eq!(size_of_val(&taken), size_of::<usize>(), "one pointer");
    let read = REQUEST.sync_scope(9, || {
        let read = thread::spawn(move || REQUEST.sync_scope(10, || taken.to_string()));
        (0..100).for_each(|_| assert_eq!(here(), "request.id=9"));
        read.join().unwrap()
    });
    assert_eq!(read, "request.id=7");
}

/// The only field of one value.
fn value_of<T: stackholm::fields::Logged + Send + Sync + 'static>(value: T) -> String {
    let var = Var::named("it").logged();
    let fields = var.sync_scope(value, Fields::current);
    fields.get("it").map_or("none".into(), |value| format!("{value:?}"))
}

#[test]
fn a_number_stays_a_number_and_what_json_has_no_number_for_is_a_text() {
    assert_eq!(value_of(7_u8), "U64(7)");
    assert_eq!(value_of(7_i64), "U64(7)");
    assert_eq!(value_of(-7_i8), "I64(-7)");
    assert_eq!(value_of(usize::MAX), format!("U64({})", usize::MAX));
    assert_eq!(value_of(NonZeroU32::MIN), "U64(1)");
    assert_eq!(value_of(u128::from(u64::MAX)), format!("U64({})", u64::MAX));
    assert_eq!(value_of(u128::MAX), format!("Str(\"{}\")", u128::MAX));
    assert_eq!(value_of(i128::MIN), format!("Str(\"{}\")", i128::MIN));
    assert_eq!(value_of(i128::from(u64::MAX)), format!("U64({})", u64::MAX));
    assert_eq!(value_of(true), "Bool(true)");
    assert_eq!(value_of(0.5_f32), "F64(0.5)");
    assert_eq!(value_of(f64::NAN), "Str(\"NaN\")");
    assert_eq!(value_of(f64::NEG_INFINITY), "Str(\"-inf\")");
    assert_eq!(value_of('x'), "Str(\"x\")");
    assert_eq!(value_of(String::from("text")), "Str(\"text\")");
    assert_eq!(value_of(Cow::Borrowed("text")), "Str(\"text\")");
    assert_eq!(value_of(Arc::<str>::from("text")), "Str(\"text\")");
    assert_eq!(value_of("::1".parse::<IpAddr>().unwrap()), "Str(\"::1\")");
    assert_eq!(value_of(Some(7)), "U64(7)");
    assert_eq!(value_of(None::<u8>), "none");
}

struct User {
    id: u64,
    password: String,
}

struct UserId;

impl Project<User> for UserId {
    const KEY: Option<&'static str> = Some("account");

    fn put(user: &User, field: Field<'_>) {
        // The redaction: the password is not put.
        assert!(!user.password.is_empty());
        field.u64(user.id);
    }
}

#[test]
fn a_projection_says_what_of_a_value_is_logged_and_under_which_key() {
    static ACCOUNT: Var<User> = Var::new("the variable").logged_by::<UserId>();
    static VERSION: Var<fmt::Error> = Var::new("version").logged_by::<Displayed>();
    let user = User { id: 7, password: "secret".into() };
    Scope::new().set(&ACCOUNT, user).set(&VERSION, fmt::Error).run(|| {
        let said = fmt::Error.to_string();
        assert_eq!(here(), format!("account=7 version=\"{said}\""));
    });
}

#[test]
fn what_is_shown_to_people_and_what_is_logged_are_declared_apart() {
    static BOTH: Var<u8> = Var::new("both").shown().logged();
    static BY: Var<u8> = Var::new("by").shown_and_logged_by::<Displayed>();
    Scope::new().set(&BOTH, 1).set(&BY, 2).set(&SILENT, "x").set(&REQUEST, 3).run(|| {
        let shown = |var: &str| {
            let context = Context::current();
            let binding = context.iter().find(|binding| binding.name() == var).unwrap();
            binding.value().map(|value| format!("{value:?}"))
        };
        assert_eq!(
            ["both", "by", "silent", "request.id"].map(shown),
            [Some("1".into()), Some("2".into()), Some("\"x\"".into()), None]
        );
        assert_eq!(Fields::current().get("by"), Some(FieldValue::Str("2")));
        assert_eq!(Fields::current().get("both"), Some(FieldValue::U64(1)));
        assert_eq!(Fields::current().get("silent"), None);
    });
}

#[test]
#[should_panic(expected = "shown_and_logged_by")]
fn shown_after_logged_says_how_it_is_to_be_declared() {
    let _ = Var::<u8>::named("late").logged().shown();
}

#[test]
fn a_text_is_one_line_escaped_and_cut_at_the_limit() {
    static TEXT: Var<String> = Var::new("text").logged();
    let line = |text: &str| TEXT.sync_scope(text.into(), here);
    assert_eq!(line("two words"), r#"text="two words""#);
    assert_eq!(line(""), r#"text="""#);
    assert_eq!(line("a=b"), r#"text="a=b""#);
    assert_eq!(line("\"\\"), r#"text="\"\\""#);
    assert_eq!(
        line("a\n\r\t\u{1b}[31m\0\u{85}\u{2028}\u{202e}"),
        "text=\"a\\n\\r\\t\\u001b[31m\\u0000\\u0085\\u2028\\u202e\""
    );
    assert_eq!(
        line(&String::from_utf8_lossy(b"\xff\xed\xa0\x80x")),
        "text=\u{fffd}\u{fffd}\u{fffd}\u{fffd}x"
    );
    let long = TEXT.sync_scope("ß".repeat(500_000), Fields::current);
    let Some(FieldValue::Str(text)) = long.get("text") else { panic!("it is a text") };
    assert_eq!(text, format!("{}…", "ß".repeat(2048)));
    TEXT.sync_scope("a\nb\u{1b}".into(), || {
        let fields = Fields::current();
        assert_eq!(fields.get("text"), Some(FieldValue::Str("a\nb\u{1b}")));
        let escaped: Vec<_> = fields.escaped().collect();
        assert_eq!(escaped, [("text", FieldValue::Str("a\\nb\\u{1b}"))]);
        let mut json = String::new();
        fields.write_json(&mut json).unwrap();
        assert_eq!(json, r#"{"text":"a\nb\u001b"}"#);
    });
}

#[test]
fn a_limit_of_a_projection_holds_and_no_more_is_asked_of_the_value() {
    struct Short;
    impl<T: fmt::Display> Project<T> for Short {
        const MOST: usize = 3;
        fn put(value: &T, field: Field<'_>) {
            field.display(value);
        }
    }
    static ASKED: AtomicU32 = AtomicU32::new(0);
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                ASKED.fetch_add(1, SeqCst);
                f.write_str("ab")?;
            }
        }
    }
    static SHORT: Var<Endless> = Var::new("short").logged_by::<Short>();
    assert_eq!(SHORT.sync_scope(Endless, here), "short=aba…");
    assert_eq!(ASKED.load(SeqCst), 2);
}

#[test]
fn a_projection_whose_panic_panics_as_it_is_dropped_keeps_no_other_field_away() {
    struct Explodes;
    impl Project<u8> for Explodes {
        fn put(_: &u8, _: Field<'_>) {
            bomb::explode();
        }
    }
    static EXPLODES: Var<u8> = Var::new("explodes").logged_by::<Explodes>();
    Scope::new().set(&EXPLODES, 1).set(&USER, "ada").run(|| {
        let fields = Fields::current();
        assert_eq!(fields.get("explodes"), Some(FieldValue::Str("<panicked>")));
        assert_eq!(fields.get("user"), Some(FieldValue::Str("ada")));
    });
}

#[test]
fn a_projection_that_panics_gives_that_it_panicked_and_the_others_are_there() {
    struct Panics;
    impl Project<u8> for Panics {
        fn put(_: &u8, field: Field<'_>) {
            struct Half;
            impl fmt::Display for Half {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("half of the secret")?;
                    panic!("as it does")
                }
            }
            field.display(&Half);
        }
    }
    static PANICS: Var<u8> = Var::new("panics").logged_by::<Panics>();
    Scope::new().set(&REQUEST, 7).set(&PANICS, 1).set(&USER, "ada").run(|| {
        for _ in 0..2 {
            let fields = Fields::current();
            assert_eq!(fields.get("panics"), Some(FieldValue::Str("<panicked>")));
            assert_eq!((fields.len(), fields.get("user")), (3, Some(FieldValue::Str("ada"))));
        }
    });
}

#[test]
fn what_a_projection_logs_has_no_fields_and_no_recursion() {
    thread_local! { static INSIDE: Cell<Option<usize>> = const { Cell::new(None) }; }
    struct Logs;
    impl Project<u8> for Logs {
        fn put(value: &u8, field: Field<'_>) {
            INSIDE.set(Some(Fields::current().len()));
            // And may enter and leave what it likes.
            REQUEST.sync_scope(9, || USER.sync_scope("inner", || assert_eq!(here(), "")));
            field.u64(u64::from(*value));
        }
    }
    static LOGS: Var<u8> = Var::new("logs").logged_by::<Logs>();
    Scope::new().set(&REQUEST, 7).set(&LOGS, 1).run(|| {
        assert_eq!(Fields::current().len(), 2);
        assert_eq!(INSIDE.get(), Some(0));
    });
}

#[test]
fn a_projection_may_leave_what_it_reads() {
    struct Leaves;
    impl Project<String> for Leaves {
        const CHANGES: bool = true;
        fn put(value: &String, field: Field<'_>) {
            LEAVES.set("another".into()).unwrap();
            LEAVES.unset().unwrap();
            field.str(value);
        }
    }
    static LEAVES: Var<String> = Var::new("leaves").logged_by::<Leaves>();
    Checkpoint::run(|| {
        LEAVES.set("the first one".into()).unwrap();
        assert_eq!(here(), "leaves=\"the first one\"");
        assert_eq!(here(), "");
    });
}

#[test]
fn the_order_is_that_of_the_first_use_of_the_variables() {
    let vars: Vec<Var<usize>> = (0..40).map(|i| Var::named(format!("v{i}")).logged()).collect();
    for (i, var) in vars.iter().enumerate() {
        var.sync_scope(i, || ());
    }
    fn bind(vars: &[Var<usize>], then: &mut dyn FnMut()) {
        match vars.split_last() {
            Some((last, rest)) => last.sync_scope(rest.len(), || bind(rest, then)),
            None => then(),
        }
    }
    let expected: Vec<String> = (0..40).map(|i| format!("v{i}={i}")).collect();
    let mut lines = 0;
    bind(&vars, &mut || {
        assert_eq!(here(), expected.join(" "));
        lines += 1;
    });
    assert_eq!(lines, 1);
    bind(&vars[..3], &mut || assert_eq!(here(), "v0=0 v1=1 v2=2"));
}

static MISUSED: Mutex<Vec<Misuse>> = Mutex::new(Vec::new());

#[test]
fn of_two_variables_with_one_key_the_one_used_last_is_logged_and_that_is_told_once() {
    stackholm::on_misuse(|misuse| MISUSED.lock().unwrap().push(misuse)).unwrap();
    static FIRST: Var<u8> = Var::new("twin").logged();
    static SECOND: Var<u8> = Var::new("twin").logged();
    FIRST.sync_scope(0, || SECOND.sync_scope(0, || ()));
    for _ in 0..3 {
        SECOND.sync_scope(2, || FIRST.sync_scope(1, || assert_eq!(here(), "twin=2")));
        FIRST.sync_scope(1, || assert_eq!(here(), "twin=1"));
    }
    assert_eq!(*MISUSED.lock().unwrap(), [Misuse::SameKey]);
}

#[test]
fn a_binding_of_short_reach_is_a_field_where_it_is_seen_and_in_no_snapshot_of_a_context() {
    static TX: Var<u8> = Var::new("tx").stays_on_stack().logged();
    static STEP: Var<u8> = Var::new("step").stays_in_checkpoint().logged();
    Scope::new().set(&REQUEST, 7).set(&TX, 1).set(&STEP, 2).run(|| {
        let all = here();
        assert!(
            ["request.id=7", "tx=1", "step=2"].iter().all(|field| all.contains(field)),
            "{all}"
        );
        Checkpoint::run(|| assert!(!here().contains("step") && here().contains("tx=1")));
        assert_eq!(Context::current().fields().to_string(), "request.id=7");
        assert_eq!(stackholm::thread::spawn(here).join().unwrap(), "request.id=7");
        // On a stack on which the work goes on it is seen, and so it is logged.
        let mut items = USER.scope("ada", std::iter::repeat_with(here));
        let line = items.next().unwrap();
        assert!(line.contains("tx=1") && !line.contains("step"), "{line}");
    });
    assert_eq!(here(), "");
}

#[test]
fn a_binding_of_short_reach_among_many_is_a_field_where_it_is_seen_alone() {
    fn bind_all(vars: &[Var<u32>], f: &dyn Fn()) {
        match vars {
            [] => f(),
            [first, rest @ ..] => first.sync_scope(0, || bind_all(rest, f)),
        }
    }
    // More than the uppermost node of an index has room for.
    let many: [Var<u32>; 33] = std::array::from_fn(|n| Var::named(format!("many{n}")).logged());
    let short: [Var<u32>; 33] =
        std::array::from_fn(|n| Var::named(format!("short{n}")).stays_on_stack().logged());
    let is_seen = || here().contains("short");
    let handed_over = || {
        assert!(!is_seen(), "{}", here());
        // Once more, from where the stack has a binding of its own too.
        REQUEST.sync_scope(7, || {
            assert!(!is_seen(), "{}", here());
            stackholm::thread::spawn(move || assert!(!is_seen(), "{}", here())).join().unwrap();
        });
    };
    bind_all(&many, &|| {
        bind_all(&short, &|| {
            assert!(is_seen());
            stackholm::thread::scope(|scope| scope.spawn(handed_over).join().unwrap());
        });
    });
}

#[test]
fn twenty_lines_of_one_request_render_its_fields_once() {
    static RENDERED: AtomicU32 = AtomicU32::new(0);
    struct Counts;
    impl Project<u8> for Counts {
        fn put(value: &u8, field: Field<'_>) {
            RENDERED.fetch_add(1, SeqCst);
            field.u64(u64::from(*value));
        }
    }
    static COUNTED: Var<u8> = Var::new("counted").logged_by::<Counts>();
    COUNTED.sync_scope(1, || {
        (0..20).for_each(|_| assert_eq!(here(), "counted=1"));
        assert_eq!(RENDERED.load(SeqCst), 1);
        COUNTED.sync_scope(2, || assert_eq!(here(), "counted=2"));
        assert_eq!(RENDERED.load(SeqCst), 2);
    });
}

#[test]
fn a_field_that_changes_is_rendered_at_each_event() {
    struct Now;
    impl Project<AtomicU32> for Now {
        const CHANGES: bool = true;
        fn put(value: &AtomicU32, field: Field<'_>) {
            field.u64(u64::from(value.fetch_add(1, SeqCst)));
        }
    }
    static ATTEMPT: Var<AtomicU32> = Var::new("attempt").logged_by::<Now>();
    ATTEMPT.sync_scope(AtomicU32::new(1), || {
        assert_eq!([here(), here()], ["attempt=1", "attempt=2"]);
    });
}

#[test]
fn what_was_rendered_keeps_no_value_and_is_never_taken_for_that_of_another_point() {
    static VALUE: Var<Arc<str>> = Var::new("value").logged();
    let mut before = None;
    for round in 0..200 {
        let value: Arc<str> = format!("{round}").into();
        let weak = Arc::downgrade(&value);
        VALUE.sync_scope(value, || assert_eq!(here(), format!("value={round}")));
        assert!(weak.upgrade().is_none(), "it ended with its scope");
        before = Some(weak);
    }
    assert!(before.is_some());
}

#[test]
fn eight_fields_of_thirty_two_bindings_cost_no_allocation() {
    let logged: Vec<Var<u64>> = (0..8).map(|i| Var::named(format!("l{i}")).logged()).collect();
    let silent: Vec<Var<u64>> = (0..24).map(|i| Var::named(format!("s{i}"))).collect();
    fn bind(vars: &[&Var<u64>], then: &mut dyn FnMut()) {
        match vars.split_last() {
            Some((last, rest)) => last.sync_scope(rest.len() as u64, || bind(rest, then)),
            None => then(),
        }
    }
    let all: Vec<_> = logged.iter().chain(&silent).collect();
    bind(&all, &mut || {
        let look = || stackholm::fields::with(|fields| assert_eq!(fields.len(), 8));
        look();
        assert_eq!(blocks(look).1, 0, "at the same point");
        let others = || REQUEST.sync_scope(1, || blocks(|| stackholm::fields::with(|_| ())).1);
        others();
        assert_eq!(others(), 0, "at another one, with the room of the last");
    });
}

#[test]
fn neither_a_snapshot_nor_anything_else_shows_what_is_not_declared() {
    Scope::new().set(&SILENT, "canary").set(&REQUEST, 7).run(|| {
        let (fields, context) = (Fields::current(), Context::current());
        let mut json = String::new();
        fields.write_json(&mut json).unwrap();
        let said =
            format!("{fields} {fields:?} {json} {context:?} {SILENT:?} {:?}", context.fields());
        assert!(!said.contains("canary") && said.contains("request.id"), "{said}");
    });
}
