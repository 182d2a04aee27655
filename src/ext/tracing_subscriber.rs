//! The fields of each event of tracing, in text or JSON, for the `fmt` of
//! [tracing-subscriber](::tracing_subscriber). Feature `tracing-subscriber`.
//!
//! [`Format`] wraps any [`FormatEvent`] and adds to its line the [`fields`](crate::fields) that are
//! bound where the event happens. They need no span, and a filter that switches spans off does not
//! remove them.
//!
//! A layer of another crate, such as that of `json-subscriber`, gets them from a closure:
//! `layer.add_dynamic_field("context", |_, _| Some(Fields::current()))`, with the feature `serde`.

use crate::fields::{self, Fields};
use crate::line::{Pair, json_member, json_text};
use ::tracing_core::{Event, Subscriber, field};
use ::tracing_subscriber::fmt::format::Writer;
use ::tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use ::tracing_subscriber::registry::LookupSpan;
use std::borrow::Cow;
use std::fmt::{self, Write};

/// A format of events that adds the fields bound where each event happens.
///
/// A field that the event has itself stays as it is, and its key is not written twice. In text the
/// same goes for the fields of its spans.
///
/// # Examples
/// ```
/// use stackholm::{Var, tracing_subscriber::Format};
/// use tracing_subscriber::fmt;
///
/// static REQUEST: Var<u64> = Var::new("request.id").logged();
///
/// let json = Format::new(fmt::format().json()).flat();
/// # let subscriber =
/// fmt().event_format(json)
/// # .finish(); tracing::subscriber::with_default(subscriber, || {
/// # /*
///     .init();
/// # */
/// REQUEST.sync_scope(7, || tracing::info!("saved")); // {…,"request.id":7}
/// # });
/// ```
#[derive(Debug)]
pub struct Format<F> {
    inner: F,
    place: Place,
    only: Option<Vec<Cow<'static, str>>>,
}

/// Where the fields go.
#[derive(Debug)]
enum Place {
    /// To the end of the line.
    Text,
    /// Into the object that the line is.
    Flat,
    /// Into an object of their own in there.
    Nested(Cow<'static, str>),
}

impl<F> Format<F> {
    /// Adds the fields at the end of each line of `inner`, which is text, as `key=value`.
    ///
    /// To have colours, ask `inner` itself for them, by
    /// [`with_ansi`](::tracing_subscriber::fmt::format::Format::with_ansi).
    pub fn new(inner: F) -> Self {
        Format { inner, place: Place::Text, only: None }
    }

    /// For lines that are each one object of JSON: the fields go into it, beside what is there. A
    /// key that it has stays as it is.
    #[must_use = "it gives back the format"]
    pub fn flat(self) -> Self {
        Format { place: Place::Flat, ..self }
    }

    /// For lines that are each one object of JSON: the fields go into an object in there, with that
    /// key.
    #[must_use = "it gives back the format"]
    pub fn nested(self, key: impl Into<Cow<'static, str>>) -> Self {
        Format { place: Place::Nested(key.into()), ..self }
    }

    /// Adds no fields but those with these keys.
    #[must_use = "it gives back the format"]
    pub fn only<K: Into<Cow<'static, str>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.only = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    fn takes(&self, key: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|known| known == key))
    }
}

impl<S, N, F> FormatEvent<S, N> for Format<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        fields::with(|fields| {
            // With colours a line without fields goes through `Line` too. Otherwise it alone would
            // be coloured, since `inner` asks the writer.
            let is_text = matches!(self.place, Place::Text);
            if fields.is_empty() && !(is_text && writer.has_ansi_escapes()) {
                return self.inner.format_event(ctx, writer, event);
            }
            let own = if fields.is_empty() { Vec::new() } else { own_keys(event) };
            if is_text {
                let mut line = Line { out: &mut writer, ended: false };
                self.inner.format_event(ctx, Writer::new(&mut line), event)?;
                let ended = line.ended;
                for (key, value) in fields.iter() {
                    if self.takes(key) && !own.contains(&key) && !is_in_spans(ctx, key) {
                        write!(writer, " {}", Pair(key, value))?;
                    }
                }
                return if ended { writer.write_char('\n') } else { Ok(()) };
            }
            let mut line = String::new();
            self.inner.format_event(ctx, Writer::new(&mut line), event)?;
            self.write_object(&mut writer, &line, fields, &own)
        })
    }
}

impl<F> Format<F> {
    fn write_object(
        &self,
        out: &mut Writer<'_>,
        line: &str,
        fields: &Fields,
        own: &[&str],
    ) -> fmt::Result {
        let object = line.trim_end();
        let Some(known) = keys(object) else { return out.write_str(line) };
        // The event's own fields are in an object of their own, or in this one.
        let is_free = |key: &str| !own.contains(&key) && !known.contains(&escaped(key).as_str());
        let mut added = fields.iter().filter(|(key, _)| self.takes(key) && is_free(key)).peekable();
        if added.peek().is_none() {
            return out.write_str(line);
        }
        let (open, end) = object.split_at(object.len() - 1);
        out.write_str(open)?;
        let mut is_first = known.is_empty();
        let is_flat = match &self.place {
            Place::Nested(key) if known.contains(&escaped(key).as_str()) => {
                return write!(out, "{end}{}", &line[object.len()..]);
            }
            Place::Nested(key) => {
                if !is_first {
                    out.write_char(',')?;
                }
                json_text(out, key)?;
                out.write_str(":{")?;
                is_first = true;
                false
            }
            _ => true,
        };
        for (key, value) in added {
            if !is_first {
                out.write_char(',')?;
            }
            is_first = false;
            json_member(out, key, value)?;
        }
        out.write_str(if is_flat { end } else { "}}" })?;
        out.write_str(&line[object.len()..])
    }
}

/// Passes on what is written, except for the line break at the end.
struct Line<'a, W> {
    out: &'a mut W,
    ended: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        if self.ended {
            self.out.write_char('\n')?;
        }
        let kept = text.strip_suffix('\n');
        self.ended = kept.is_some();
        self.out.write_str(kept.unwrap_or(text))
    }
}

/// The keys of the event's own fields.
fn own_keys(event: &Event<'_>) -> Vec<&'static str> {
    struct Keys(Vec<&'static str>);
    impl field::Visit for Keys {
        fn record_debug(&mut self, field: &field::Field, _: &dyn fmt::Debug) {
            self.0.push(field.name());
        }
    }
    let mut keys = Keys(Vec::new());
    event.record(&mut keys);
    keys.0
}

/// Whether a span that the event is in has such a field, filled.
fn is_in_spans<S, N>(ctx: &FmtContext<'_, S, N>, key: &str) -> bool
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    ctx.event_scope().into_iter().flatten().any(|span| {
        span.metadata().fields().iter().any(|field| field.name() == key)
            && span
                .extensions()
                .get::<FormattedFields<N>>()
                .is_some_and(|formatted| formatted.fields.contains(key))
    })
}

/// A key as it stands in JSON, without its quotes.
fn escaped(key: &str) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = json_text(&mut text, key);
    text[1..text.len() - 1].to_owned()
}

/// The keys of an object of JSON, as they are written there; `None` if the text is not one object.
fn keys(object: &str) -> Option<Vec<&str>> {
    if !object.starts_with('{') {
        return None;
    }
    let (mut keys, mut depth, mut text, mut last) = (Vec::new(), 0_usize, None, None);
    let mut bytes = object.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (text, byte) {
            (Some(_), b'\\') => drop(bytes.next()),
            (Some(begin), b'"') => {
                last = Some(&object[begin..at]);
                text = None;
            }
            (Some(_), _) => {}
            (None, b'"') => text = Some(at + 1),
            (None, b':') if depth == 1 => keys.extend(last.take()),
            (None, b'{' | b'[') => depth += 1,
            (None, b'}' | b']') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return (at + 1 == object.len() && byte == b'}').then_some(keys);
                }
            }
            _ => {}
        }
    }
    None
}
