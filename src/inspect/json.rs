//! A view as JSON. The number `format` goes up if a member changes its meaning or goes.

use super::stacks::{BindingView, CheckpointView, StackView, State};
use super::view::{Derived, Outlived, Unclosed, View};
use crate::error::Place;
use crate::line::json_text;
use std::fmt::{self, Write};
use std::time::Duration;

/// The format of [`View::to_json`].
const FORMAT: u32 = 1;

impl View {
    /// One object of JSON, on one line: `{"format":1,"stacks":[…],"truncated":0,"outlived":[…],…}`.
    ///
    /// Times are milliseconds, places `file:line:column` or null. Members may be added to format 1;
    /// none changes its meaning.
    pub fn to_json(&self) -> String {
        let mut out =
            String::with_capacity(256 * (1 + self.stacks().len() + self.outlived().len()));
        // A string takes everything.
        let _ = self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) -> fmt::Result {
        write!(out, "{{\"format\":{FORMAT},\"stacks\":")?;
        list(out, self.stacks(), stack)?;
        write!(out, ",\"truncated\":{},\"outlived\":", self.truncated().unwrap_or(0))?;
        list(out, self.outlived(), outlived)?;
        out.write_str(",\"derived\":")?;
        list(out, self.derived(), derived)?;
        write!(out, ",\"missed\":{},\"unclosed\":", self.missed())?;
        list(out, self.unclosed(), unclosed)?;
        out.write_str(",\"misuses\":{")?;
        for (n, (misuse, times)) in self.misuses().enumerate() {
            write!(out, "{}\"{misuse:?}\":{times}", if n == 0 { "" } else { "," })?;
        }
        out.write_str("}}")
    }
}

/// An array.
fn list<T>(
    out: &mut String,
    items: &[T],
    mut one: impl FnMut(&mut String, &T) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.write_char(',')?;
        }
        one(out, item)?;
    }
    out.write_char(']')
}

/// `,"key":"file:line:column"`, or null.
fn place(out: &mut String, key: &str, place: Option<Place>) -> fmt::Result {
    write!(out, ",\"{key}\":")?;
    match place {
        Some(place) => json_text(out, &place.to_string()),
        None => out.write_str("null"),
    }
}

fn time(out: &mut String, key: &str, time: Duration) -> fmt::Result {
    write!(out, ",\"{key}\":{}", time.as_millis())
}

fn stack(out: &mut String, stack: &StackView) -> fmt::Result {
    write!(out, "{{\"id\":{},\"parent\":", stack.id())?;
    match stack.parent() {
        Some(parent) => write!(out, "{parent}")?,
        None => out.write_str("null")?,
    }
    write!(out, ",\"kind\":\"{}\"", stack.kind())?;
    place(out, "opened_at", stack.opened_at())?;
    time(out, "age_ms", stack.age())?;
    write!(out, ",\"state\":\"{}\"", stack.state().name())?;
    match stack.state() {
        State::Idle(since) => time(out, "since_ms", since)?,
        State::Running { thread, since } => {
            write!(out, ",\"thread\":{thread}")?;
            time(out, "since_ms", since)?;
        }
        State::Changing => {}
    }
    write!(out, ",\"turns\":{},\"checkpoints\":", stack.turns())?;
    list(out, stack.checkpoints(), checkpoint)?;
    out.write_str(",\"bindings\":")?;
    match stack.bindings() {
        Some(bindings) => list(out, bindings, binding)?,
        None => out.write_str("null")?,
    }
    write!(out, ",\"more\":{}}}", stack.more())
}

fn checkpoint(out: &mut String, checkpoint: &CheckpointView) -> fmt::Result {
    out.write_str("{\"name\":")?;
    json_text(out, checkpoint.name())?;
    place(out, "entered_at", Some(checkpoint.entered_at()))?;
    write!(out, ",\"sealed\":{}}}", checkpoint.is_sealed())
}

fn binding(out: &mut String, binding: &BindingView) -> fmt::Result {
    out.write_str("{\"name\":")?;
    json_text(out, binding.name())?;
    place(out, "bound_at", Some(binding.bound_at()))?;
    if let Some(value) = binding.value() {
        out.write_str(",\"value\":")?;
        json_text(out, value)?;
    }
    out.write_char('}')
}

fn outlived(out: &mut String, outlived: &Outlived) -> fmt::Result {
    out.write_str("{\"name\":")?;
    json_text(out, outlived.name())?;
    place(out, "bound_at", Some(outlived.bound_at()))?;
    place(out, "captured_at", outlived.captured_at())?;
    time(out, "left_ms", outlived.left())?;
    out.write_char('}')
}

fn derived(out: &mut String, derived: &Derived) -> fmt::Result {
    out.write_str("{\"name\":")?;
    json_text(out, derived.name())?;
    place(out, "bound_at", Some(derived.bound_at()))?;
    time(out, "age_ms", derived.age())?;
    out.write_char('}')
}

fn unclosed(out: &mut String, unclosed: &Unclosed) -> fmt::Result {
    write!(out, "{{\"times\":{}", unclosed.times())?;
    place(out, "entered_at", unclosed.entered_at())?;
    out.write_char('}')
}
