//! What a client is going to do: a request derived from a seed and a number, the same on every run.

use super::oracle::hop::Hop;
use super::oracle::scenario::{self, Scenario};
use super::oracle::variables::{CARRIED, HEADERS};
use axum::http::request::Builder;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, SeedableRng};

/// Whether some requests are cancelled or panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// All are answered, after one check at each of six hops. These are measured.
    Calm,
    /// All go the long way. A quarter is cancelled, a quarter panics, and every other one comes by
    /// HTTP/2.
    Rough,
}

/// One request to be made.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) texts: [String; CARRIED],
    pub(crate) scenario: Scenario,
    pub(crate) multiplexed: bool,
}

impl Plan {
    pub(crate) fn new(seed: u64, number: u64, mix: Mix) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let texts = [
            format!("r-{number:06}"),
            format!("tenant-{}", rng.random_range(0..100)),
            format!("user-{:04x}", rng.random::<u16>()),
            format!("{:016x}", rng.random::<u64>()),
            (*["en", "de", "fr", "ja", "pt-BR"].choose(&mut rng).expect("is not empty")).to_owned(),
            format!("region-{}", rng.random_range(0..12)),
            format!("{:032x}", rng.random::<u128>()),
            rng.random_range(0..10).to_string(),
            rng.random_range(1..60_000).to_string(),
            format!("edge-{:02}", rng.random_range(0..20)),
        ];
        let (scenario, multiplexed) = match mix {
            Mix::Calm => (Scenario::Measured, false),
            Mix::Rough => (any_scenario(&mut rng), rng.random()),
        };
        Plan { texts, scenario, multiplexed }
    }

    pub(crate) fn request(&self) -> &str {
        &self.texts[0]
    }

    /// Writes everything into the headers.
    pub(crate) fn headers(&self, request: Builder) -> Builder {
        let request = request.header(scenario::HEADER, self.scenario.to_string());
        HEADERS
            .iter()
            .zip(&self.texts)
            .fold(request, |request, ((name, _), text)| request.header(*name, text))
    }
}

fn any_scenario(rng: &mut StdRng) -> Scenario {
    match rng.random_range(0..4) {
        0 => Scenario::Cancel(any_hop(rng)),
        1 => Scenario::Panic(any_hop(rng)),
        _ => Scenario::Answer,
    }
}

/// Where a request looks at its values.
fn any_hop(rng: &mut StdRng) -> Hop {
    Hop::seeing().choose(rng).expect("there are many")
}
