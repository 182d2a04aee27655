//! Fields of logs, traces, metrics and reports: the values of variables that are declared to be
//! logged.
//!
//! A variable is in no log unless it is declared [`logged`](crate::Var::logged), with its value as
//! it is, or [`logged_by`](crate::Var::logged_by) a projection, which says what of the value is
//! logged. The sinks are integrations, each with a feature of its own:
//!
//! | feature | where the fields go |
//! |---|---|
//! | `log` | into the key-values of each record, whatever logger writes it |
//! | `log-mdc` | into `%X{…}` of log4rs, with its patterns as they are |
//! | `metrics` | into the labels of metrics, of the variables that a list names |
//! | `serde` | wherever a map goes: [`Fields`] is one |
//! | `slog` | into the key-values of each record |
//! | `tracing-subscriber` | into each event, as text or JSON; a filter of spans takes nothing away |
//!
//! Two crates beside this one follow the releases of others: `stackholm-sentry` takes the fields
//! that a list names into the tags of sentry's events, `stackholm-logforth` is a diagnostic of
//! logforth.
//!
//! The rules are the same for all of them:
//!
//! - The fields are what is bound when and where the event happens. A logger that writes the line
//!   later, or on another thread, takes a snapshot, which is one pointer.
//! - The projections run once for each context and thread, as long as that context stays the same.
//!   They run at each event if one of them [changes](Project::CHANGES) or a variable is of short
//!   reach.
//! - A number stays a number. A text is cut at the limit of its projection, by default 4096 bytes.
//! - Each binding is a field; a variable that is masked or not bound is none. Defaults and
//!   process-wide values are no fields either: they are the same in all lines, so tell the sink.
//! - The order is that in which the variables were first used. If two variables have one key, the
//!   one that came into use later is logged, and [`on_misuse`](crate::on_misuse) is told.
//! - A field that the event has itself wins, and no key is written twice.
//! - A projection that panics gives `<panicked>`; without the feature `std` nothing catches the
//!   panic. What a projection logs has no fields.

use crate::context::Context;
use crate::engine::{At, WeakSnapshot, current, fields as engine};
use crate::field::Filled;
use crate::line::{OneLine, Pair, json_member};
use crate::misuse::{Misuse, report};
use crate::sys::{Arc, OnceLock, finishes, thread_slot};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt::{self, Write};
use core::ops::Range;

pub use crate::field::{AsItIs, Displayed, Field, FieldValue, Logged, Project};

/// The fields at one point: a snapshot, one pointer, cloned in O(1).
///
/// # Examples
/// ```
/// use stackholm::{Var, fields::{Fields, FieldValue}};
///
/// static REQUEST: Var<u64> = Var::new("request.id").logged();
/// static USER: Var<&str> = Var::new("user").logged();
///
/// let fields = REQUEST.sync_scope(7, || USER.sync_scope("ada", Fields::current));
/// let line: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
/// assert_eq!(line, ["request.id=7", "user=ada"]);
/// assert_eq!(fields.get("user"), Some(FieldValue::Str("ada")));
/// ```
#[derive(Clone, Default)]
pub struct Fields(Option<Arc<Rendered>>);

/// What was rendered, with the text of all keys and values in one piece.
#[derive(Default)]
struct Rendered {
    text: String,
    fields: Vec<Entry>,
    /// The snapshot that it was rendered from, if it stays right while that is current.
    of: Option<WeakSnapshot>,
}

struct Entry {
    key: Range<usize>,
    value: Value,
}

enum Value {
    Plain(Filled),
    /// A text as it is, and the same text with line breaks escaped: both are ranges of `text`.
    Text(Range<usize>, Range<usize>),
}

thread_slot! {
    /// What was rendered last on this thread.
    static LAST: Cell<Option<Arc<Rendered>>> = Cell::new(None);
}

thread_slot! {
    /// Whether a projection runs on this thread.
    static BUSY: Cell<bool> = Cell::new(false);
}

/// The text of a field whose projection panicked.
const PANICKED: &str = "<panicked>";

impl Fields {
    /// The fields of what is visible here.
    pub fn current() -> Fields {
        with(Fields::clone)
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |rendered| rendered.fields.len())
    }

    /// Keys and values, no key twice, in the order in which the variables were first used.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, FieldValue<'_>)> {
        let rendered = self.0.as_deref();
        let fields = rendered.map_or(&[][..], |rendered| &rendered.fields);
        let text = rendered.map_or("", |rendered| &rendered.text);
        fields.iter().map(|entry| (&text[entry.key.clone()], entry.value.of(text)))
    }

    /// As [`iter`](Self::iter), for sinks that may not escape: each character that would end a
    /// line, or change how the rest of it is shown, is escaped as Rust escapes it.
    pub fn escaped(&self) -> impl Iterator<Item = (&str, FieldValue<'_>)> {
        let text = self.0.as_deref().map_or("", |rendered| &rendered.text);
        let fields = self.0.as_deref().map_or(&[][..], |rendered| &rendered.fields);
        fields.iter().map(|entry| {
            let value = match &entry.value {
                Value::Text(_, line) => FieldValue::Str(&text[line.clone()]),
                plain => plain.of(text),
            };
            (&text[entry.key.clone()], value)
        })
    }

    /// The value of one field. O(n).
    pub fn get(&self, key: &str) -> Option<FieldValue<'_>> {
        self.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// Writes them as an object of JSON.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut (impl Write + ?Sized)) -> fmt::Result {
        out.write_char('{')?;
        for (at, (key, value)) in self.iter().enumerate() {
            if at > 0 {
                out.write_char(',')?;
            }
            json_member(out, key, value)?;
        }
        out.write_char('}')
    }
}

/// `key=value`, separated by spaces, on one line.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.iter().enumerate() {
            if at > 0 {
                f.write_char(' ')?;
            }
            Pair(key, value).fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Value {
    fn of<'a>(&self, text: &'a str) -> FieldValue<'a> {
        match self {
            Value::Plain(Filled::U64(value)) => FieldValue::U64(*value),
            Value::Plain(Filled::I64(value)) => FieldValue::I64(*value),
            Value::Plain(Filled::F64(value)) => FieldValue::F64(*value),
            Value::Plain(Filled::Bool(value)) => FieldValue::Bool(*value),
            Value::Plain(Filled::Text) => FieldValue::Str(""),
            Value::Text(range, _) => FieldValue::Str(&text[range.clone()]),
        }
    }
}

impl Context {
    /// The fields of the variables that are logged and bound in this context.
    pub fn fields(&self) -> Fields {
        let mut rendered = Rendered::default();
        if let Some(link) = self.link() {
            rendered.render(|f| engine::of(link, f));
        }
        Fields((!rendered.fields.is_empty()).then(|| Arc::new(rendered)))
    }
}

/// Calls `f` with the fields of what is visible here, without cloning them: what a sink calls at
/// each event.
#[inline]
pub fn with<R>(f: impl FnOnce(&Fields) -> R) -> R {
    if engine::is_unbound() {
        return f(&Fields(None));
    }
    with_some(f)
}

#[inline(never)]
fn with_some<R>(f: impl FnOnce(&Fields) -> R) -> R {
    /// Keeps what was rendered for the next event, also if `f` panics.
    struct Back(Fields);
    impl Drop for Back {
        fn drop(&mut self) {
            let last = self.0.0.take();
            // A thread that is ending keeps nothing. The old one is dropped outside of the slot.
            let _before = LAST.try_with(|slot| slot.replace(last));
        }
    }
    if BUSY.try_with(Cell::get).unwrap_or(true) {
        return f(&Fields(None));
    }
    let link = current::capture(At::NOWHERE);
    let last = LAST.try_with(Cell::take).ok().flatten();
    let is_last = |last: &Arc<Rendered>| match (&last.of, &link) {
        (Some(weak), Some(link)) => weak.is(link),
        _ => false,
    };
    let rendered = match last {
        Some(last) if is_last(&last) => last,
        last => {
            // The buffers of the last one are used again, unless a snapshot holds them.
            let mut last = last.unwrap_or_default();
            if Arc::get_mut(&mut last).is_none() {
                last = Arc::default();
            }
            if let Some(rendered) = Arc::get_mut(&mut last) {
                rendered.clear();
                let mut whole = false;
                let stays = rendered.render(|f| whole = engine::here(f));
                rendered.of = link.as_ref().filter(|_| whole && stays).map(|link| link.downgrade());
            }
            last
        }
    };
    drop(link);
    let back = Back(Fields(Some(rendered)));
    f(&back.0)
}

impl Rendered {
    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.of = None;
    }

    /// Adds the fields that `visit` finds. Says whether another look would find the same.
    fn render(&mut self, visit: impl FnOnce(&mut dyn FnMut(&engine::Found<'_>))) -> bool {
        struct Busy(Option<bool>);
        impl Drop for Busy {
            fn drop(&mut self) {
                // The slot may have been registered meanwhile.
                if let Some(before) = self.0 {
                    let _ = BUSY.try_with(|busy| busy.set(before));
                }
            }
        }
        let (mut stays, mut clashes) = (true, false);
        let busy = Busy(BUSY.try_with(|busy| busy.replace(true)).ok());
        visit(&mut |found| {
            stays &= !found.changes();
            clashes |= self.add(found);
        });
        drop(busy);
        if clashes {
            report_clash();
        }
        stays
    }

    /// Adds one field; says whether another one had its key, whose place it takes.
    fn add(&mut self, found: &engine::Found<'_>) -> bool {
        let start = self.text.len();
        push_line(&mut self.text, found.key());
        let key = start..self.text.len();
        let mut filled = None;
        let put = || found.put(Field::new(&mut self.text, found.most(), &mut filled));
        if !finishes(put) {
            self.text.truncate(key.end);
            self.text.push_str(PANICKED);
            filled = Some(Filled::Text);
        }
        let value = match filled {
            None => {
                self.text.truncate(key.start);
                return false;
            }
            Some(Filled::Text) => {
                let raw = key.end..self.text.len();
                let line = if OneLine(&self.text[raw.clone()]).is_plain() {
                    raw.clone()
                } else {
                    let text = self.text[raw.clone()].to_owned();
                    push_line(&mut self.text, &text);
                    raw.end..self.text.len()
                };
                Value::Text(raw, line)
            }
            Some(plain) => Value::Plain(plain),
        };
        let entry = Entry { key, value };
        let text = &self.text;
        let same = |known: &&mut Entry| text[known.key.clone()] == text[entry.key.clone()];
        match self.fields.iter_mut().find(same) {
            Some(known) => {
                *known = entry;
                true
            }
            None => {
                self.fields.push(entry);
                false
            }
        }
    }
}

fn push_line(out: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{}", OneLine(text));
}

#[cold]
fn report_clash() {
    static TOLD: OnceLock<()> = OnceLock::new();
    if TOLD.set(()).is_ok() {
        report(Misuse::SameKey);
    }
}
