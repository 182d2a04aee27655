//! A request at one hop: its values, however they came, and the expected ones beside them.

use super::carrier::Carrier;
use super::oracle::expected::Expected;
use super::oracle::hop::Hop;
use super::oracle::scenario::{Ordered, Scenario};
use super::oracle::variables::{CARRIED, HEADERS, STAGE};
use std::fmt::Write;
use std::future::Future;
use std::panic::panic_any;
use std::sync::Arc;

/// A request at one hop.
#[derive(Clone, Debug)]
pub(crate) struct Probe<C> {
    pub(crate) carrier: C,
    pub(crate) expected: Arc<Expected>,
}

impl<C: Carrier> Probe<C> {
    /// Compares every value with the expected one. Then panics, or tells the client to disconnect,
    /// if the scenario says so.
    pub(crate) fn check(&self, hop: Hop) {
        self.compare(hop);
        match self.expected.scenario {
            Scenario::Panic(at) if at == hop => panic_any(Ordered),
            Scenario::Cancel(at) if at == hop => self.expected.tell(),
            _ => {}
        }
    }

    pub(crate) fn compare(&self, hop: Hop) {
        let expected = &*self.expected;
        expected.look(hop);
        for which in 0..CARRIED {
            self.carrier.see(expected, which, |seen| {
                if seen != Some(&expected.texts[which]) {
                    expected.report(hop, which, seen);
                }
            });
        }
        let stage = self.carrier.stage(hop);
        if stage != Some(hop) {
            expected.report_as(
                hop,
                STAGE.name(),
                Some(hop.to_string()),
                stage.map(|stage| stage.to_string()),
            );
        }
        if C::IN_CONTEXT {
            expected.log(hop);
        }
        expected.echo(hop, |line| self.describe(hop, line));
    }

    /// What is seen here, as text for a reader. Headers that were not sent are left out.
    fn describe(&self, hop: Hop, line: &mut String) {
        for (which, (_, var)) in HEADERS.iter().enumerate() {
            let text = self.carrier.see(&self.expected, which, |seen| seen.map(str::to_owned));
            if text.as_deref() != Some("") {
                // Writing to a `String` cannot fail.
                let _ =
                    write!(line, "{}={} ", var.name(), text.as_deref().unwrap_or("(not bound)"));
            }
        }
        let stage = self.carrier.stage(hop).map_or("(not bound)", Hop::name);
        let _ = write!(line, "{}={stage}", STAGE.name());
    }

    /// Awaits `f` in a block of its own, at another stage.
    pub(crate) async fn at<F>(self, hop: Hop, f: impl FnOnce(Probe<C>) -> F + Send) -> F::Output
    where
        F: Future + Send,
    {
        let Probe { carrier, expected } = self;
        let observer = Arc::clone(&expected.observer);
        carrier.at(&observer.live_count, hop, |carrier| f(Probe { carrier, expected })).await
    }

    /// Calls `f`, which hands work over, at another stage.
    pub(crate) fn at_once<R>(&self, hop: Hop, f: impl FnOnce(Probe<C>) -> R) -> R {
        let expected = Arc::clone(&self.expected);
        self.carrier.at_once(&self.expected.observer.live_count, hop, |carrier| {
            f(Probe { carrier, expected })
        })
    }

    /// A guard that checks once more when it is dropped: at the end of a block, on every path.
    pub(crate) fn witness(&self, hop: Hop) -> Witness<C> {
        Witness { probe: self.clone(), hop }
    }
}

/// Checks the values when it is dropped, also in a future that was cancelled or has panicked.
#[derive(Debug)]
pub(crate) struct Witness<C: Carrier> {
    probe: Probe<C>,
    hop: Hop,
}

impl<C: Carrier> Drop for Witness<C> {
    fn drop(&mut self) {
        self.probe.compare(self.hop);
    }
}
