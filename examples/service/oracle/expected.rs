//! What the headers of a request really said, passed by hand to every hop. The checks compare with
//! this.
//!
//! Every way of carrying passes it along, even the one that carries nothing, so it costs each the
//! same.

use super::findings::Wrong;
use super::hop::{Hop, Sight};
use super::lines;
use super::observer::Observer;
use super::scenario::{self, Scenario};
use super::variables::{CARRIED, HEADERS, texts};
use axum::http::HeaderMap;
use stackholm::Context;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// One request, as its client sent it.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) observer: Arc<Observer>,
    pub(crate) texts: [String; CARRIED],
    pub(crate) scenario: Scenario,
    looks: AtomicU32,
    /// What each hop saw, if the request came from a person.
    echo: Option<Mutex<Vec<String>>>,
}

impl Expected {
    pub(crate) fn of(observer: &Arc<Observer>, headers: &HeaderMap) -> Self {
        let scenario =
            headers.get(scenario::HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        Expected {
            observer: Arc::clone(observer),
            texts: texts(headers),
            scenario: scenario.unwrap_or_default(),
            looks: AtomicU32::new(0),
            // Our own client sends a scenario. A person with curl does not, and is shown
            // everything.
            echo: scenario.is_none().then(Mutex::default),
        }
    }

    pub(crate) fn request(&self) -> &str {
        &self.texts[0]
    }

    /// How often its hops have checked their values so far.
    pub(crate) fn looks(&self) -> u32 {
        self.looks.load(Relaxed)
    }

    pub(crate) fn look(&self, hop: Hop) {
        self.looks.fetch_add(1, Relaxed);
        // A measured request is counted above only, so that the checks cost little.
        if self.scenario != Scenario::Measured {
            self.observer.findings.look(hop);
        }
    }

    /// Tells the client of the request that it may disconnect now.
    pub(crate) fn tell(&self) {
        self.observer.rendezvous.tell(self.request());
    }

    #[cold]
    pub(crate) fn report(&self, hop: Hop, which: usize, seen: Option<&str>) {
        self.report_as(
            hop,
            HEADERS[which].1.name(),
            Some(self.texts[which].clone()),
            seen.map(str::to_owned),
        );
    }

    #[cold]
    pub(crate) fn report_as(
        &self,
        hop: Hop,
        variable: &str,
        expected: Option<String>,
        seen: Option<String>,
    ) {
        let request = self.request().to_owned();
        self.observer.findings.report(Wrong {
            request,
            hop,
            variable: variable.to_owned(),
            expected,
            seen,
        });
    }

    /// Checks that nothing at all is bound here.
    pub(crate) fn sees_nothing(&self, hop: Hop) {
        self.look(hop);
        for binding in &Context::current() {
            self.report_as(
                hop,
                binding.name(),
                None,
                Some(format!("what was bound at {}", binding.place())),
            );
        }
        self.log(hop);
        self.echo(hop, |line| line.push_str("nothing is bound"));
    }

    /// Logs, and checks that each line has the id of this request, or none where nothing is bound.
    ///
    /// Measured requests do not log, nor do those of a person, whose id may need quotes.
    pub(crate) fn log(&self, hop: Hop) {
        if self.scenario == Scenario::Measured || self.echo.is_some() {
            return;
        }
        let expected = (hop.sight() == Sight::Values).then(|| self.request());
        lines::log_at(hop, |sink, seen| {
            self.observer.findings.line(hop);
            if seen != expected {
                let [expected, seen] = [expected, seen].map(|id| id.map(str::to_owned));
                self.report_as(
                    hop,
                    &format!("{}, in a line of {sink}", HEADERS[0].1.name()),
                    expected,
                    seen,
                );
            }
        });
    }

    /// Records what a hop saw, if the request came from a person.
    pub(crate) fn echo(&self, hop: Hop, write: impl FnOnce(&mut String)) {
        let Some(echo) = &self.echo else { return };
        let thread = std::thread::current();
        let mut line = format!("{hop:<18} on {:<16} ", thread.name().unwrap_or("a std thread"));
        write(&mut line);
        line.push('\n');
        echo.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// The lines that were recorded since the last call; `None` if none are recorded.
    pub(crate) fn take_echo(&self) -> Option<String> {
        let echo = self.echo.as_ref()?;
        Some(echo.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect())
    }
}
