//! A request at one hop: its values, however they came, and the truth to compare them with.

use super::carrier::Carrier;
use super::oracle::expected::Truth;
use super::oracle::hop::Hop;
use super::oracle::scenario::{Fate, Ordered};
use super::oracle::variables::{CARRIED, HEADERS, STAGE};
use std::fmt::Write;
use std::future::Future;
use std::panic::panic_any;
use std::sync::Arc;

/// A request at one hop.
#[derive(Clone, Debug)]
pub(crate) struct Visit<C> {
    pub(crate) carrier: C,
    pub(crate) truth: Arc<Truth>,
}

impl<C: Carrier> Visit<C> {
    /// Compares every value with the truth; and panics or tells the client to go away, if that is
    /// to be.
    pub(crate) fn check(&self, hop: Hop) {
        self.compare(hop);
        match self.truth.fate {
            Fate::Panic(at) if at == hop => panic_any(Ordered),
            Fate::Cancel(at) if at == hop => self.truth.tell(),
            _ => {}
        }
    }

    pub(crate) fn compare(&self, hop: Hop) {
        let truth = &*self.truth;
        truth.look(hop);
        for which in 0..CARRIED {
            self.carrier.see(truth, which, |seen| {
                if seen != Some(&truth.texts[which]) {
                    truth.report(hop, which, seen);
                }
            });
        }
        let stage = self.carrier.stage(hop);
        if stage != Some(hop) {
            truth.report_as(
                hop,
                STAGE.name(),
                Some(hop.to_string()),
                stage.map(|stage| stage.to_string()),
            );
        }
        truth.echo(hop, |line| self.describe(hop, line));
    }

    /// What is seen here, for people. Headers that were not sent are left out.
    fn describe(&self, hop: Hop, line: &mut String) {
        for (which, (_, var)) in HEADERS.iter().enumerate() {
            let text = self.carrier.see(&self.truth, which, |seen| seen.map(str::to_owned));
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
    pub(crate) async fn at<F>(self, hop: Hop, f: impl FnOnce(Visit<C>) -> F + Send) -> F::Output
    where
        F: Future + Send,
    {
        let Visit { carrier, truth } = self;
        let app = Arc::clone(&truth.app);
        carrier.at(&app.census, hop, |carrier| f(Visit { carrier, truth })).await
    }

    /// Calls `f`, which hands work over, at another stage.
    pub(crate) fn at_once<R>(&self, hop: Hop, f: impl FnOnce(Visit<C>) -> R) -> R {
        let truth = Arc::clone(&self.truth);
        self.carrier.at_once(&self.truth.app.census, hop, |carrier| f(Visit { carrier, truth }))
    }

    /// Looks once more when it is dropped: at the end of a block, however that comes.
    pub(crate) fn witness(&self, hop: Hop) -> Witness<C> {
        Witness { visit: self.clone(), hop }
    }
}

/// Looks at the values when it is dropped; in a cancelled future and in one that panicked as well.
#[derive(Debug)]
pub(crate) struct Witness<C: Carrier> {
    visit: Visit<C>,
    hop: Hop,
}

impl<C: Carrier> Drop for Witness<C> {
    fn drop(&mut self) {
        self.visit.compare(self.hop);
    }
}
