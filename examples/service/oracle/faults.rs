//! Faults that are planted on purpose, to show that the checks notice them.

use super::expected::Expected;
use super::hop::{Hop, Sight};
use super::scenario::{Fault, Planted, Scenario};
use super::variables::{TENANT, wrong_tenant};
use stackholm::Context;

impl Expected {
    /// The context to hand over at `hop` instead of `context`, if a fault is planted there.
    pub(crate) fn spoilt(&self, hop: Hop, context: Context) -> Option<Context> {
        let fault = match self.scenario {
            Scenario::Planted(Planted { fault, at }) if at == hop => fault,
            _ => return None,
        };
        match fault {
            // A hop that should see nothing cannot lose anything: the next arm shows it something.
            Fault::Lost if hop.sight() == Sight::Values => Some(Context::empty()),
            Fault::Wrong | Fault::Lost => Some(
                context.with(&TENANT, wrong_tenant(&self.observer.live_count, "somebody else")),
            ),
            Fault::Leak => {
                std::mem::forget(
                    context.with(&TENANT, wrong_tenant(&self.observer.live_count, "for ever")),
                );
                None
            }
        }
    }

    /// Whether a planted fault shows something at a hop that should see nothing.
    pub(crate) fn shows_something(&self, hop: Hop) -> bool {
        let Scenario::Planted(Planted { fault, at }) = self.scenario else { return false };
        at == hop && fault != Fault::Leak
    }
}
