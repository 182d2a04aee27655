//! Writing what is listed, within the limits that a receiver has.

use super::Carrier;
use super::baggage::{Budget, member};
use super::build::Wire;
use super::listing::Spot;
use super::receive::PASSED;
use super::rejected::{Reason, Rejected, Tally};
use crate::context::Context;
use crate::deadline::Expired;

/// What was left out, and why.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    left_out: Vec<Rejected>,
}

impl Sent {
    /// What was left out, and why. The rest was written.
    pub fn left_out(&self) -> &[Rejected] {
        &self.left_out
    }
}

impl Wire {
    /// Writes the variables that are listed and bound in `context`. Only headers of the wire are
    /// replaced. In `baggage` only the wire's own members are replaced; other well-formed members
    /// stay, as far as the limits have room for them.
    ///
    /// # Errors
    /// If the deadline crosses and no time is left; then nothing was written.
    pub fn inject(
        &self,
        context: &Context,
        to: &mut (impl Carrier + ?Sized),
    ) -> Result<Sent, Expired> {
        if let Some(timeout) = &self.0.timeout {
            timeout.put(context, to)?;
        }
        Ok(self.write(context, to))
    }

    /// All but the deadline.
    pub(super) fn write(&self, context: &Context, to: &mut (impl Carrier + ?Sized)) -> Sent {
        let mut tally = Tally::default();
        let mut of = |spot, write: &mut dyn FnMut(&'static str, &str, &mut Tally)| {
            for listing in self.0.of(spot).filter(|listing| listing.of().goes_out()) {
                match listing.text(context) {
                    Some(Ok(text)) => write(listing.of().name, &text, &mut tally),
                    Some(Err(reason)) => tally.note(listing.of().name, reason),
                    None => {}
                }
            }
        };
        of(Spot::Header, &mut |name, text, _| to.put(name, text));
        let mut out =
            Baggage { budget: Budget::new(self.0.bytes, self.0.members), text: String::new() };
        of(Spot::Baggage, &mut |key, text, tally| {
            if !out.add_parts(&[key, "=", text]) {
                tally.note(key, Reason::OverLimit);
            }
        });
        let trace = self.0.trace.as_ref().filter(|listing| listing.of.goes_out());
        if let Some(trace) = trace.and_then(|listing| listing.sent(context)) {
            to.put("traceparent", &trace.to_string());
            match trace.state() {
                "" => to.remove("tracestate"),
                state => to.put("tracestate", state),
            }
        }
        self.others(context, to, &mut out, &mut tally);
        if !out.text.is_empty() {
            to.put("baggage", &out.text);
        }
        self.0.report(&tally.0);
        Sent { left_out: tally.0 }
    }

    /// The members that are not ours: those that are there, and those that are passed on.
    fn others(
        &self,
        context: &Context,
        to: &(impl Carrier + ?Sized),
        out: &mut Baggage,
        tally: &mut Tally,
    ) {
        let is_ours = |text: &[u8]| {
            let key = member(text).map(|(key, _)| key);
            self.0.of(Spot::Baggage).any(|listing| Some(listing.of().name.as_bytes()) == key)
        };
        let mut is_full = false;
        let mut add = |text: &[u8]| {
            is_full |= member(text).is_some() && !is_ours(text) && !out.add(text);
        };
        let mut there = Budget::new(self.0.bytes, self.0.members);
        if self.0.passes_unknown || self.0.of(Spot::Baggage).next().is_some() {
            to.lines("baggage", &mut |line| there.members(line, &mut add));
        }
        if self.0.passes_unknown {
            if let Some(passed) = context.get(&PASSED) {
                passed.split(|byte| *byte == b',').for_each(add);
            }
        }
        if is_full {
            tally.note("baggage", Reason::OverLimit);
        }
    }
}

/// The `baggage` line that is being written.
struct Baggage {
    budget: Budget,
    text: String,
}

impl Baggage {
    /// Adds a whole member, if there is room.
    fn add(&mut self, member: &[u8]) -> bool {
        std::str::from_utf8(member).is_ok_and(|text| self.add_parts(&[text]))
    }

    /// The same, of parts.
    fn add_parts(&mut self, parts: &[&str]) -> bool {
        if self.budget.take(parts.iter().map(|part| part.len()).sum()).is_err() {
            return false;
        }
        if !self.text.is_empty() {
            self.text.push(',');
        }
        parts.iter().for_each(|part| self.text.push_str(part));
        true
    }
}
