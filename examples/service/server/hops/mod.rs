//! What a request does on its way: one stop for each boundary that work can cross.
//!
//! Each stop hands work over in the way that a service would, and the work looks around where it
//! has come to.

mod futures;
mod http;
mod rayon;
mod sync;
mod tokio;

use super::carriers;
use super::oracle;
use super::workers;
use ::tokio::task::{JoinError, JoinHandle, yield_now};
use carriers::contexts::Contexts;
use carriers::probe::Probe;
use futures_util::future::BoxFuture;
use oracle::expected::Expected;
use oracle::hop::{Hop, Sight};
use oracle::scenario::{Fault, Planted, Scenario};
use oracle::variables::TENANT;
use stackholm::{Context, ContextExt};
use std::future::{Future, pending};
use std::panic::resume_unwind;

pub(crate) use self::rayon::settle;

/// A request whose values are in the context.
pub(crate) type Guest = Probe<Contexts<true>>;

/// Hands work over and awaits its end.
type Await = fn(Guest) -> BoxFuture<'static, ()>;

/// Hands work over and blocks until its end.
type Batch = fn(&Guest);

/// The stops of a handler, in order; each awaits the end of what it has handed over.
pub(crate) const AWAITING: &[(Hop, Await)] = &[
    (Hop::BareSpawn, |probe| Box::pin(tokio::bare_spawn(probe))),
    (Hop::Detached, |probe| Box::pin(tokio::detached(probe))),
    (Hop::Checkpoint, |probe| Box::pin(tokio::checkpoint(probe))),
    (Hop::Select, |probe| Box::pin(tokio::select(probe))),
    (Hop::Timer, |probe| Box::pin(tokio::timer(probe))),
    (Hop::Task, |probe| Box::pin(tokio::task(probe))),
    (Hop::JoinSet, |probe| Box::pin(tokio::join_set(probe))),
    (Hop::JoinMap, |probe| Box::pin(tokio::join_map(probe))),
    (Hop::Tracker, |probe| Box::pin(tokio::tracker(probe))),
    (Hop::Runtime, |probe| Box::pin(tokio::runtime(probe))),
    (Hop::InPlace, |probe| Box::pin(tokio::in_place(probe))),
    (Hop::Actor, |probe| Box::pin(tokio::actor(probe))),
    (Hop::Stream, |probe| Box::pin(futures::stream(probe))),
    (Hop::Sink, |probe| Box::pin(futures::sink(probe))),
    (Hop::Unordered, |probe| Box::pin(futures::unordered(probe))),
    (Hop::Shared, |probe| Box::pin(futures::shared(probe))),
    (Hop::Reader, |probe| Box::pin(futures::reader(probe))),
    (Hop::Writer, |probe| Box::pin(futures::writer(probe))),
    (Hop::Executor, |probe| Box::pin(http::executor(probe))),
    (Hop::DetachingExecutor, |probe| Box::pin(http::detaching_executor(probe))),
    (Hop::Blocking, |probe| Box::pin(tokio::blocking(probe))),
];

/// The stops of a job on the blocking pool.
const BLOCKING: &[(Hop, Batch)] = &[
    (Hop::LocalSet, tokio::local_set),
    (Hop::BlockOn, tokio::block_on),
    (Hop::Thread, sync::thread),
    (Hop::Scoped, sync::scoped),
    (Hop::Builder, sync::builder),
    (Hop::Mailbox, sync::mailbox),
    (Hop::Iterator, sync::iterator),
    (Hop::Crossbeam, sync::crossbeam),
    (Hop::Pool, sync::pool),
    (Hop::Join, rayon::join),
    (Hop::Scope, rayon::scope),
    (Hop::Spawn, rayon::spawn),
    (Hop::Install, rayon::install),
    (Hop::Broadcast, rayon::broadcast),
    (Hop::Indexed, rayon::indexed),
    (Hop::Unindexed, rayon::unindexed),
];

impl Guest {
    /// Goes on to a hop where it awaits; or does it wrong, if that was ordered.
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

    /// Goes on to a hop that returns; or does it wrong, if that was ordered.
    pub(crate) fn pass_at_once<R>(&self, hop: Hop, f: impl FnOnce(Guest) -> R) -> R {
        self.at_once(hop, |probe| match probe.expected.spoilt(hop, Context::current()) {
            None => f(probe),
            Some(context) => context.run(|| f(probe)),
        })
    }
}

impl Expected {
    /// What is handed over at `hop` in the place of `context`, if a fault is planted there.
    pub(crate) fn spoilt(&self, hop: Hop, context: Context) -> Option<Context> {
        let fault = match self.scenario {
            Scenario::Planted(Planted { fault, at }) if at == hop => fault,
            _ => return None,
        };
        match fault {
            // Where nothing is to be seen, something is.
            Fault::Lost if hop.sight() == Sight::Values => Some(Context::empty()),
            Fault::Wrong | Fault::Lost => Some(
                context.with(&TENANT, self.app.live_count.count(String::from("somebody else"))),
            ),
            Fault::Leak => {
                std::mem::forget(
                    context.with(&TENANT, self.app.live_count.count(String::from("for ever"))),
                );
                None
            }
        }
    }

    /// Whether something is to be seen where nothing should be.
    pub(crate) fn shows_something(&self, hop: Hop) -> bool {
        matches!(self.scenario, Scenario::Planted(Planted { fault: Fault::Wrong | Fault::Lost, at }) if at == hop)
    }
}

/// Looks, lets others have their turn, and looks again.
async fn in_turns(probe: Guest, hop: Hop) {
    probe.check(hop);
    yield_now().await;
    probe.check(hop);
}

/// Drives a future from a task that sees nothing.
async fn elsewhere<F>(future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    finished(stackholm::tokio::spawn_detached(future)).await
}

/// Awaits what was spawned; its panic becomes ours.
pub(crate) async fn finished<R>(spawned: JoinHandle<R>) -> R {
    match end(spawned.await) {
        Some(result) => result,
        // The runtime is shutting down, and is about to drop us.
        None => pending().await,
    }
}

/// What a task came to: nothing, if the runtime is shutting down.
fn end<R>(joined: Result<R, JoinError>) -> Option<R> {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(result) => Some(result),
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_cancelled)) => None,
    }
}
