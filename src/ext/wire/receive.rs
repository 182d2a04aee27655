//! Reading what was received: limits first, then the grammar, then the codec.

use super::Carried;
use super::baggage::{Budget, member, trim};
use super::build::{Lists, Wire};
use super::listing::{Crosses, Listing, Of, Peer, Spot};
use super::of_trace::OfTrace;
use super::rejected::{Reason, Rejected, Tally};
use super::trace::{State, Trace};
use crate::context::Context;
use crate::sys::Arc;
use crate::var::Var;
use std::fmt;
use std::ops::ControlFlow;

/// Members of baggage that nobody here knows, to be sent on as they came.
pub(super) static PASSED: Var<Arc<[u8]>> = Var::new("baggage that is passed on");

/// What was taken, and what was not.
#[must_use = "what was received is in its context"]
pub struct Received {
    context: Context,
    rejected: Vec<Rejected>,
    link: Option<Trace>,
}

impl Received {
    /// The base with the variables that were taken.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The base with the variables that were taken.
    pub fn into_context(self) -> Context {
        self.context
    }

    /// What was dropped, and why.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// The trace of a peer that is not trusted with ours: link to it, but do not make it the
    /// parent.
    pub fn link(&self) -> Option<&Trace> {
        self.link.as_ref()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut received = f.debug_struct("Received");
        received.field("context", &self.context).field("rejected", &self.rejected);
        received.finish_non_exhaustive()
    }
}

impl Wire {
    /// Takes the listed variables out of what a peer sent. It cannot fail: what does not fit is
    /// dropped and counted. If nothing listed was sent, nothing is allocated.
    pub fn extract(&self, from: &(impl Carried + ?Sized), peer: Peer) -> Received {
        self.extract_onto(Context::empty(), from, peer)
    }

    /// As [`extract`](Self::extract), on top of `base`.
    pub fn extract_onto(
        &self,
        base: Context,
        from: &(impl Carried + ?Sized),
        peer: Peer,
    ) -> Received {
        let mut taking = self.taking(base, from, peer);
        if let Some(timeout) = &self.0.timeout {
            taking.context = timeout.take(from, taking.context, &mut taking.tally);
        }
        taking.finish()
    }

    /// All but the deadline.
    pub(super) fn taking(
        &self,
        base: Context,
        from: &(impl Carried + ?Sized),
        peer: Peer,
    ) -> Taking<'_> {
        let lists = &*self.0;
        let tally = Tally::default();
        let mut taking = Taking { lists, peer, context: base, tally, link: None };
        for listing in lists.of(Spot::Header).filter(|listing| listing.of().comes_in()) {
            taking.header(listing, from);
        }
        taking.baggage(from);
        if let Some(listing) = lists.trace.as_ref().filter(|listing| listing.of.comes_in()) {
            taking.trace(listing, from);
        }
        taking
    }
}

/// What has been taken so far.
pub(super) struct Taking<'w> {
    lists: &'w Lists,
    peer: Peer,
    context: Context,
    tally: Tally,
    link: Option<Trace>,
}

impl Taking<'_> {
    pub(super) fn finish(self) -> Received {
        self.lists.report(&self.tally.0);
        Received { context: self.context, rejected: self.tally.0, link: self.link }
    }

    /// Binds what a line says, if the peer may.
    fn take(&mut self, listing: &dyn Crosses, line: &[u8]) {
        let of = listing.of();
        if !of.may_come_from(self.peer) {
            return self.tally.note(of.name, Reason::NotTrusted);
        }
        match listing.take(line, std::mem::take(&mut self.context)) {
            Ok(context) => self.context = context,
            Err((reason, context)) => {
                self.context = context;
                self.tally.note(of.name, reason);
            }
        }
    }

    /// A header stands in one line.
    fn header(&mut self, listing: &dyn Crosses, from: &(impl Carried + ?Sized)) {
        match one_line(from, listing.of()) {
            Lines::None => {}
            Lines::One(line) => self.take(listing, trim(&line)),
            Lines::Long => self.tally.note(listing.of().name, Reason::TooLong),
            Lines::More => self.tally.note(listing.of().name, Reason::Repeated),
        }
    }

    fn baggage(&mut self, from: &(impl Carried + ?Sized)) {
        let lists = self.lists;
        let is_asked = lists.passes_unknown || lists.of(Spot::Baggage).next().is_some();
        if !is_asked {
            return;
        }
        let mut budget = Budget::new(lists.bytes, lists.members);
        let mut passed: Vec<u8> = Vec::new();
        from.lines("baggage", &mut |line| {
            let read = budget.members(line, &mut |text| self.member(text, &mut passed));
            if read.is_break() {
                self.tally.note("baggage", Reason::OverLimit);
            }
            read
        });
        if !passed.is_empty() {
            self.context = self.context.with(&PASSED, passed.into());
        }
    }

    fn member(&mut self, text: &[u8], passed: &mut Vec<u8>) {
        let Some((key, value)) = member(text) else {
            // An empty member is none; it was counted.
            if !trim(text).is_empty() {
                self.tally.note("baggage", Reason::Malformed);
            }
            return;
        };
        let lists = self.lists;
        let known = |listing: &&dyn Crosses| listing.of().name.as_bytes() == key;
        match lists.of(Spot::Baggage).find(known) {
            Some(listing) if listing.of().comes_in() => self.take(listing, value),
            None if lists.passes_unknown && self.peer == Peer::Trusted => {
                if !passed.is_empty() {
                    passed.push(b',');
                }
                passed.extend_from_slice(text);
            }
            _ => self.tally.note("baggage", Reason::NotListed),
        }
    }

    fn trace(&mut self, listing: &Listing<Trace, OfTrace>, from: &(impl Carried + ?Sized)) {
        let of = &listing.of;
        let parent = match one_line(from, of) {
            Lines::None => return,
            Lines::One(line) => Trace::parse(&line).ok_or(Reason::Malformed),
            Lines::Long => Err(Reason::TooLong),
            Lines::More => Err(Reason::Repeated),
        };
        let mut trace = match parent {
            Ok(trace) => trace,
            Err(reason) => return self.tally.note(of.name, reason),
        };
        let mut state = State::new(self.lists.trace_state);
        from.lines("tracestate", &mut |line| state.read(line));
        if state.is_malformed {
            self.tally.note("tracestate", Reason::Malformed);
        } else if state.is_cut {
            self.tally.note("tracestate", Reason::OverLimit);
        }
        trace.set_state(state.into_text());
        if of.may_come_from(self.peer) {
            self.context = listing.bind(trace, std::mem::take(&mut self.context));
        } else {
            self.tally.note(of.name, Reason::NotTrusted);
            self.link = Some(trace);
        }
    }
}

/// What was found of a name that may have one line.
enum Lines {
    None,
    One(Vec<u8>),
    Long,
    More,
}

/// A line that is too long is not copied.
fn one_line(from: &(impl Carried + ?Sized), of: &Of) -> Lines {
    let mut found = Lines::None;
    from.lines(of.name, &mut |line| {
        found = match found {
            Lines::None if line.len() > of.most => Lines::Long,
            Lines::None => Lines::One(line.to_vec()),
            _ => Lines::More,
        };
        if matches!(found, Lines::More) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    found
}
