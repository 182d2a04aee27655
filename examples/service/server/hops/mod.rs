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
use carriers::probe::Visit;
use futures_util::future::BoxFuture;
use oracle::expected::Truth;
use oracle::hop::{Hop, Sight};
use oracle::scenario::{Fate, Fault, Planted};
use oracle::variables::TENANT;
use stackholm::{Context, ContextExt};
use std::future::{Future, pending};
use std::panic::resume_unwind;

pub(crate) use self::rayon::settle;

/// A request whose values are in the context.
pub(crate) type Guest = Visit<Contexts<true>>;

/// Hands work over and awaits its end.
type Await = fn(Guest) -> BoxFuture<'static, ()>;

/// Hands work over and blocks until its end.
type Block = fn(&Guest);

/// The stops of a handler, in order; each awaits the end of what it has handed over.
pub(crate) const AWAITING: &[(Hop, Await)] = &[
    (Hop::Stranger, |visit| Box::pin(tokio::stranger(visit))),
    (Hop::Detached, |visit| Box::pin(tokio::detached(visit))),
    (Hop::Checkpoint, |visit| Box::pin(tokio::checkpoint(visit))),
    (Hop::Select, |visit| Box::pin(tokio::select(visit))),
    (Hop::Timer, |visit| Box::pin(tokio::timer(visit))),
    (Hop::Task, |visit| Box::pin(tokio::task(visit))),
    (Hop::JoinSet, |visit| Box::pin(tokio::join_set(visit))),
    (Hop::JoinMap, |visit| Box::pin(tokio::join_map(visit))),
    (Hop::Tracker, |visit| Box::pin(tokio::tracker(visit))),
    (Hop::Runtime, |visit| Box::pin(tokio::runtime(visit))),
    (Hop::InPlace, |visit| Box::pin(tokio::in_place(visit))),
    (Hop::Courier, |visit| Box::pin(tokio::courier(visit))),
    (Hop::Stream, |visit| Box::pin(futures::stream(visit))),
    (Hop::Sink, |visit| Box::pin(futures::sink(visit))),
    (Hop::Unordered, |visit| Box::pin(futures::unordered(visit))),
    (Hop::Shared, |visit| Box::pin(futures::shared(visit))),
    (Hop::Reader, |visit| Box::pin(futures::reader(visit))),
    (Hop::Writer, |visit| Box::pin(futures::writer(visit))),
    (Hop::Executor, |visit| Box::pin(http::executor(visit))),
    (Hop::DetachingExecutor, |visit| Box::pin(http::detaching_executor(visit))),
    (Hop::Blocking, |visit| Box::pin(tokio::blocking(visit))),
];

/// The stops of a job on the blocking pool.
const BLOCKING: &[(Hop, Block)] = &[
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
        self.clone().at(hop, move |visit| async move {
            match visit.truth.spoilt(hop, Context::current()) {
                None => f(visit).await,
                Some(context) => f(visit).in_context(context).await,
            }
        })
    }

    /// Goes on to a hop that returns; or does it wrong, if that was ordered.
    pub(crate) fn pass_at_once<R>(&self, hop: Hop, f: impl FnOnce(Guest) -> R) -> R {
        self.at_once(hop, |visit| match visit.truth.spoilt(hop, Context::current()) {
            None => f(visit),
            Some(context) => context.run(|| f(visit)),
        })
    }
}

impl Truth {
    /// What is handed over at `hop` in the place of `context`, if a fault is planted there.
    pub(crate) fn spoilt(&self, hop: Hop, context: Context) -> Option<Context> {
        let fault = match self.fate {
            Fate::Planted(Planted { fault, at }) if at == hop => fault,
            _ => return None,
        };
        match fault {
            // Where nothing is to be seen, something is.
            Fault::Lost if hop.sight() == Sight::Values => Some(Context::empty()),
            Fault::Wrong | Fault::Lost => {
                Some(context.with(&TENANT, self.app.census.count(String::from("somebody else"))))
            }
            Fault::Leak => {
                std::mem::forget(
                    context.with(&TENANT, self.app.census.count(String::from("for ever"))),
                );
                None
            }
        }
    }

    /// Whether something is to be seen where nothing should be.
    pub(crate) fn shows_something(&self, hop: Hop) -> bool {
        matches!(self.fate, Fate::Planted(Planted { fault: Fault::Wrong | Fault::Lost, at }) if at == hop)
    }
}

/// Looks, lets others have their turn, and looks again.
async fn in_turns(visit: Guest, hop: Hop) {
    visit.check(hop);
    yield_now().await;
    visit.check(hop);
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
