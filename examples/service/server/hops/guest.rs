//! A request on its way through every hop.

use super::carriers::contexts::Contexts;
use super::carriers::probe::Probe;
use super::oracle::expected::Expected;
use super::oracle::hop::Hop;
use stackholm::{Context, ContextExt};
use std::future::Future;
use std::sync::Arc;

/// A request whose values are in the context.
pub(crate) type Guest = Probe<Contexts<true>>;

impl Guest {
    pub(crate) fn of(expected: &Arc<Expected>) -> Self {
        Guest { carrier: Contexts, expected: Arc::clone(expected) }
    }

    /// Goes on to a hop that awaits; with a wrong context, if a fault is planted there.
    pub(crate) fn pass<F>(
        &self,
        hop: Hop,
        f: impl FnOnce(Guest) -> F + Send,
    ) -> impl Future<Output = F::Output> + Send
    where
        F: Future<Output: Send> + Send,
    {
        self.clone().at(hop, move |probe| async move {
            match probe.expected.spoilt(hop, Context::current()) {
                None => f(probe).await,
                Some(context) => f(probe).in_context(context).await,
            }
        })
    }

    /// Goes on to a hop that returns; with a wrong context, if a fault is planted there.
    pub(crate) fn pass_at_once<R>(&self, hop: Hop, f: impl FnOnce(Guest) -> R) -> R {
        self.at_once(hop, |probe| match probe.expected.spoilt(hop, Context::current()) {
            None => f(probe),
            Some(context) => context.run(|| f(probe)),
        })
    }
}
