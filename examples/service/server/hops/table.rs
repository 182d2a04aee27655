//! The hops of a handler and of a job on the blocking pool, in order.

use super::guest::Guest;
use super::oracle::hop::Hop;
use super::waiting::finished;
use super::{futures, http, rayon, sync, tokio};
use futures_util::future::BoxFuture;
use stackholm::tokio::spawn_blocking;

/// Hands work over and awaits its end.
type Await = fn(Guest) -> BoxFuture<'static, ()>;

/// Hands work over and blocks until its end.
type Batch = fn(&Guest);

/// The hops of a handler, in order; each awaits the end of what it has handed over.
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
    (Hop::Stream, |probe| Box::pin(futures::stream(probe))),
    (Hop::Sink, |probe| Box::pin(futures::sink(probe))),
    (Hop::Unordered, |probe| Box::pin(futures::unordered(probe))),
    (Hop::Shared, |probe| Box::pin(futures::shared(probe))),
    (Hop::Reader, |probe| Box::pin(futures::reader(probe))),
    (Hop::Writer, |probe| Box::pin(futures::writer(probe))),
    (Hop::Executor, |probe| Box::pin(http::executor(probe))),
    (Hop::DetachingExecutor, |probe| Box::pin(http::detaching_executor(probe))),
    (Hop::Blocking, |probe| Box::pin(blocking(probe))),
];

/// The hops of a job on the blocking pool.
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

async fn blocking(probe: Guest) {
    let job = move || {
        probe.check(Hop::Blocking);
        for (hop, pass) in BLOCKING {
            probe.pass_at_once(*hop, |probe| pass(&probe));
        }
        probe.check(Hop::Blocking);
    };
    finished(spawn_blocking(job)).await;
}
