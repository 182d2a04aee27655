//! What crosses between the processes, and nothing else: all that a service needs for it.

use super::errand::Sight;
use super::ledger::Ledger;
use super::oracle::variables::{REQUEST_ID, TENANT, Text};
use stackholm::wire::{self, Codec, Hosts, Timeout, Token, Trace, Unfit, Wire};
use stackholm::{Var, deadline};
use std::sync::Arc;
use std::time::Duration;

/// Which trace the work belongs to.
pub(crate) static TRACE: Var<Trace> = Var::new("trace");

/// The most time that a request may take in a process, whatever its caller says.
pub(crate) const CEILING: Duration = Duration::from_secs(600);

/// Over HTTP the limit stands in a header of our choice.
pub(crate) fn http(ledger: &Arc<Ledger>) -> Wire {
    listing(ledger, Timeout::millis("x-timeout-ms"))
}

/// Over gRPC it stands in the one that all its implementations know.
pub(crate) fn grpc(ledger: &Arc<Ledger>) -> Wire {
    listing(ledger, Timeout::grpc())
}

fn listing(ledger: &Arc<Ledger>, timeout: Timeout) -> Wire {
    let counting = |codec, kind| Counting { codec, kind, ledger: Arc::clone(ledger) };
    Wire::builder()
        .list(wire::header("x-request-id", &REQUEST_ID, counting(Letters::Few, 0)).from_anyone())
        .list(wire::baggage("tenant", &TENANT, counting(Letters::All, 1)))
        .trace(wire::trace(&TRACE))
        .timeout(timeout.ceiling(CEILING))
        .build()
        .expect("it is right or wrong from the start")
}

/// The back, by the address that is asked for.
pub(crate) fn hosts() -> Hosts {
    Hosts::none().and("127.0.0.1")
}

/// Which letters a text may have.
#[derive(Clone, Copy, Debug)]
enum Letters {
    Few,
    All,
}

/// Texts that are counted for as long as they live.
struct Counting {
    codec: Letters,
    kind: usize,
    ledger: Arc<Ledger>,
}

impl Codec<Text> for Counting {
    fn encode(&self, text: &Text) -> Result<Vec<u8>, Unfit> {
        let text: &String = text;
        match self.codec {
            Letters::Few => Token::<64>.encode(text),
            Letters::All => wire::Text.encode(text),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Text, Unfit> {
        let text: String = match self.codec {
            Letters::Few => Token::<64>.decode(bytes)?,
            Letters::All => wire::Text.decode(bytes)?,
        };
        Ok(self.ledger.live_count.count(self.kind, text))
    }
}

/// What is visible here.
pub(crate) fn seen() -> Sight {
    let text = |var: &'static Var<Text>| var.try_with(|text| String::clone(text)).ok();
    [text(&REQUEST_ID), text(&TENANT), TRACE.try_with(Trace::to_string).ok()]
}

/// Whose limit is visible here, and how much of it is left.
pub(crate) fn limit_seen() -> Option<(Option<&'static str>, Duration)> {
    deadline::current().map(|deadline| (deadline.name(), deadline.remaining()))
}
