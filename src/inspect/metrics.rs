//! A view as text of OpenMetrics. Labels are kinds, states, places and names, never values.

use super::stacks::{Kind, State};
use super::view::View;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

/// So many places or names are told apart in one metric; what comes after goes together.
const MOST: usize = 100;

impl View {
    /// Numbers for a scraper, in the text format of OpenMetrics.
    ///
    /// | metric | labels | |
    /// |---|---|---|
    /// | `stackholm_stacks` | `kind`, `state` | how many stacks there are |
    /// | `stackholm_oldest_stack_seconds` | `kind` | the age of the oldest one |
    /// | `stackholm_stacks_truncated` | | how many more there are, beyond the limit of the look |
    /// | `stackholm_outlived` | `variable` | bindings that contexts keep although they were left |
    /// | `stackholm_derived` | `variable` | bindings of [`Context::with`](crate::Context::with) that have not ended |
    /// | `stackholm_oldest_outlived_seconds` | | how long ago the first one was |
    /// | `stackholm_unclosed_total` | `place` | checkpoints that were not left by their guards |
    /// | `stackholm_misuses_total` | `misuse` | what was misused |
    ///
    /// Of variables and places the first hundred are told apart. No label is taken from a value.
    pub fn to_openmetrics(&self) -> String {
        let mut out = String::new();
        // A string takes everything.
        let _ = self.write_openmetrics(&mut out);
        out
    }

    fn write_openmetrics(&self, out: &mut String) -> fmt::Result {
        self.write_stacks(out)?;
        gauge(out, "stackholm_stacks_truncated", "stacks beyond the limit of the look")?;
        writeln!(out, "stackholm_stacks_truncated {}", self.truncated().unwrap_or(0))?;
        gauge(out, "stackholm_outlived", "bindings that contexts keep although they were left")?;
        let names = self.outlived().iter().map(|outlived| (outlived.name().to_owned(), 1));
        counted(out, "stackholm_outlived", "variable", names)?;
        gauge(out, "stackholm_derived", "bindings of Context::with that have not ended")?;
        let names = self.derived().iter().map(|derived| (derived.name().to_owned(), 1));
        counted(out, "stackholm_derived", "variable", names)?;
        gauge(out, "stackholm_oldest_outlived_seconds", "time since the first of them was left")?;
        let oldest = self.outlived().first().map_or(0.0, |oldest| oldest.left().as_secs_f64());
        writeln!(out, "stackholm_oldest_outlived_seconds {oldest}")?;
        counter(out, "stackholm_unclosed", "checkpoints that were not left by their guards")?;
        let places = self.unclosed().iter().map(|unclosed| {
            let place = unclosed.entered_at();
            (place.map_or_else(|| OTHERS.to_owned(), ToString::to_string), unclosed.times())
        });
        counted(out, "stackholm_unclosed_total", "place", places)?;
        counter(out, "stackholm_misuses", "what was misused")?;
        let misuses = self.misuses().map(|(misuse, times)| (format!("{misuse:?}"), times));
        counted(out, "stackholm_misuses_total", "misuse", misuses)?;
        out.write_str("# EOF\n")
    }

    fn write_stacks(&self, out: &mut String) -> fmt::Result {
        let mut numbers: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut oldest: BTreeMap<&str, Duration> = BTreeMap::new();
        for stack in self.stacks() {
            let (kind, state) = (Kind::name(stack.kind()), State::name(stack.state()));
            *numbers.entry((kind, state)).or_default() += 1;
            let age = oldest.entry(kind).or_default();
            *age = stack.age().max(*age);
        }
        gauge(out, "stackholm_stacks", "stacks that there are")?;
        for ((kind, state), number) in numbers {
            writeln!(out, "stackholm_stacks{{kind=\"{kind}\",state=\"{state}\"}} {number}")?;
        }
        gauge(out, "stackholm_oldest_stack_seconds", "age of the oldest stack")?;
        oldest.into_iter().try_for_each(|(kind, age)| {
            let age = age.as_secs_f64();
            writeln!(out, "stackholm_oldest_stack_seconds{{kind=\"{kind}\"}} {age}")
        })
    }
}

/// The label of all beyond the first ones.
const OTHERS: &str = "(others)";

fn gauge(out: &mut String, name: &str, help: &str) -> fmt::Result {
    write!(out, "# TYPE {name} gauge\n# HELP {name} {help}\n")
}

fn counter(out: &mut String, name: &str, help: &str) -> fmt::Result {
    write!(out, "# TYPE {name} counter\n# HELP {name} {help}\n")
}

/// A sample for each label, the first hundred apart.
fn counted(
    out: &mut String,
    name: &str,
    label: &str,
    items: impl Iterator<Item = (String, usize)>,
) -> fmt::Result {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for (item, times) in items {
        let is_known = numbers.contains_key(&item) || numbers.len() < MOST;
        *numbers.entry(if is_known { item } else { OTHERS.to_owned() }).or_default() += times;
    }
    for (item, times) in numbers {
        write!(out, "{name}{{{label}=\"")?;
        label_text(out, &item)?;
        writeln!(out, "\"}} {times}")?;
    }
    Ok(())
}

/// What a label may have, escaped as the format says.
fn label_text(out: &mut String, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| match c {
        '\\' => out.write_str("\\\\"),
        '"' => out.write_str("\\\""),
        '\n' => out.write_str("\\n"),
        c if c.is_control() => out.write_char('\u{fffd}'),
        c => out.write_char(c),
    })
}
