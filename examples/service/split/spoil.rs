//! Faults that are planted between the processes, to show that the comparison notices them.

use super::errand::{Ask, Errand, KINDS};
use super::listing::CEILING;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use clap::ValueEnum;

/// Something wrong, done to the first requests between the two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WireFault {
    /// Something in between drops the headers that it does not know
    Lost,
    /// The headers are those of another request
    Mixed,
    /// The tenant is somebody else
    Tenant,
    /// The tenant cannot be decoded
    Garbled,
    /// The request id stands there twice
    Twice,
    /// The trace is another one
    Trace,
    /// The limit does not cross
    Unlimited,
    /// The limit is longer than what was left
    Longer,
    /// The front believes everybody
    Believed,
    /// The front calls though there is no time left
    Overdue,
    /// The back answers with what it saw of another request
    Answer,
    /// The back never lets a context go
    Leak,
}

const TENANT: &str = "baggage";
const PARENT: &str = "traceparent";
const REQUEST: &str = "x-request-id";
const LIMITS: [(&str, &str); 2] = [("x-timeout-ms", ""), ("grpc-timeout", "m")];

impl WireFault {
    /// Whether it is to be done to this request.
    pub(crate) fn strikes(self, errand: &Errand) -> bool {
        let is_meant = self != WireFault::Overdue || errand.ask == Ask::NothingLeft;
        is_meant && errand.number < KINDS
    }

    /// Spoils what is on its way.
    pub(crate) fn spoil(self, headers: &mut HeaderMap, seed: u64) {
        let Some(errand) = Errand::of(seed, headers) else { return };
        if !self.strikes(&errand) {
            return;
        }
        let mut set = |name: &'static str, text: String| {
            let text = HeaderValue::from_str(&text).expect("it is ASCII");
            headers.insert(HeaderName::from_static(name), text);
        };
        match self {
            WireFault::Tenant => set(TENANT, "tenant=somebody%20else".into()),
            WireFault::Garbled => set(TENANT, "tenant=%F".into()),
            WireFault::Trace => set(PARENT, format!("00-{:032x}-{:016x}-01", 7, 7)),
            WireFault::Mixed => {
                let other = Errand::new(seed, errand.number + KINDS).at_back();
                let [request, tenant, trace] = other.map(Option::unwrap_or_default);
                set(REQUEST, request);
                let tenant: Vec<_> = tenant.bytes().map(|byte| format!("%{byte:02x}")).collect();
                set(TENANT, format!("tenant={}", tenant.concat()));
                set(PARENT, trace);
            }
            WireFault::Longer => {
                for (name, unit) in LIMITS {
                    set(name, format!("{}{unit}", CEILING.as_millis() / 2 + 250_000));
                }
            }
            WireFault::Unlimited => LIMITS.iter().for_each(|(name, _)| drop(headers.remove(*name))),
            WireFault::Lost => {
                let names = [TENANT, PARENT, REQUEST, LIMITS[0].0, LIMITS[1].0];
                names.iter().for_each(|name| drop(headers.remove(*name)));
            }
            WireFault::Twice => {
                headers.append(REQUEST, HeaderValue::from_static("r-2"));
            }
            // Done by the processes themselves.
            WireFault::Believed | WireFault::Overdue | WireFault::Answer | WireFault::Leak => {}
        }
    }
}
