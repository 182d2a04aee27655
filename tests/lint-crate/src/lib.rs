//! One offence on each marked line, and beside it what should stand there, which offends nobody.

use rayon::iter::{
    IntoParallelIterator, IntoParallelRefIterator, IntoParallelRefMutIterator, ParallelBridge,
};
use rayon::slice::ParallelSlice;
use stackholm::Var;
use stackholm::rayon::ThreadPoolExt;
use stackholm::tokio::{LocalSetExt, SpawnExt};

static N: Var<u32> = Var::new("n");

/// Threads.
pub fn threads() {
    std::thread::spawn(|| ()).join().unwrap(); // offends: disallowed_methods std::thread::spawn
    std::thread::scope(|_| ()); // offends: disallowed_methods std::thread::scope
    std::thread::Builder::new().spawn(|| ()).unwrap().join().unwrap(); // offends: disallowed_methods std::thread::Builder::spawn
    stackholm::thread::spawn(|| ()).join().unwrap();
    stackholm::thread::scope(|_| ());
    stackholm::thread::Builder::new().spawn(|| ()).unwrap().join().unwrap();
}

/// Tasks.
pub fn tasks(runtime: &tokio::runtime::Runtime, set: &mut tokio::task::JoinSet<()>) {
    tokio::spawn(async {}); // offends: disallowed_methods tokio::task::spawn
    tokio::task::spawn(async {}); // offends: disallowed_methods tokio::task::spawn
    tokio::task::spawn_blocking(|| ()); // offends: disallowed_methods tokio::task::spawn_blocking
    tokio::task::spawn_local(async {}); // offends: disallowed_methods tokio::task::spawn_local
    set.spawn(async {}); // offends: disallowed_methods tokio::task::JoinSet::spawn
    set.spawn_blocking(|| ()); // offends: disallowed_methods tokio::task::JoinSet::spawn_blocking
    set.spawn_local(async {}); // offends: disallowed_methods tokio::task::JoinSet::spawn_local
    set.spawn_on(async {}, runtime.handle()); // offends: disallowed_methods tokio::task::JoinSet::spawn_on
    tokio::task::LocalSet::new().spawn_local(async {}); // offends: disallowed_methods tokio::task::LocalSet::spawn_local
    runtime.spawn_blocking(|| ()); // offends: disallowed_methods tokio::runtime::Runtime::spawn_blocking
    runtime.handle().spawn_blocking(|| ()); // offends: disallowed_methods tokio::runtime::Handle::spawn_blocking
    runtime.spawn(async {}); // offends: disallowed_methods tokio::runtime::Runtime::spawn
    runtime.handle().spawn(async {}); // offends: disallowed_methods tokio::runtime::Handle::spawn
    stackholm::tokio::spawn(async {});
    stackholm::tokio::spawn_blocking(|| ());
    stackholm::tokio::spawn_local(async {});
    stackholm::tokio::JoinSet::new().spawn(async {});
    tokio::task::LocalSet::new().spawn_local_carrying(async {});
    runtime.spawn_blocking_carrying(|| ());
    runtime.spawn_carrying(async {});
    runtime.handle().spawn_detached(async {});
}

/// Jobs.
pub fn jobs(pool: &rayon::ThreadPool) {
    rayon::spawn(|| ()); // offends: disallowed_methods rayon::spawn
    rayon::join(|| (), || ()); // offends: disallowed_methods rayon::join
    rayon::scope(|_| ()); // offends: disallowed_methods rayon::scope
    rayon::spawn_fifo(|| ()); // offends: disallowed_methods rayon::spawn_fifo
    rayon::join_context(|_| (), |_| ()); // offends: disallowed_methods rayon::join_context
    rayon::scope_fifo(|_| ()); // offends: disallowed_methods rayon::scope_fifo
    rayon::in_place_scope(|_| ()); // offends: disallowed_methods rayon::in_place_scope
    rayon::broadcast(|_| ()); // offends: disallowed_methods rayon::broadcast
    pool.install(|| ()); // offends: disallowed_methods rayon::ThreadPool::install
    pool.spawn(|| ()); // offends: disallowed_methods rayon::ThreadPool::spawn
    pool.join(|| (), || ()); // offends: disallowed_methods rayon::ThreadPool::join
    pool.scope(|_| ()); // offends: disallowed_methods rayon::ThreadPool::scope
    stackholm::rayon::spawn(|| ());
    pool.install_carrying(|| ());
    pool.spawn_detached(|| ());
    stackholm::rayon::join(|| (), || ());
    stackholm::rayon::scope(|_| ());
}

/// Parallel iterators.
pub fn iterators(items: &mut Vec<u32>) {
    let _ = (0..3).into_par_iter(); // offends: disallowed_methods rayon::iter::IntoParallelIterator::into_par_iter
    let _ = items.par_iter(); // offends: disallowed_methods rayon::iter::IntoParallelRefIterator::par_iter
    let _ = items.par_iter_mut(); // offends: disallowed_methods rayon::iter::IntoParallelRefMutIterator::par_iter_mut
    let _ = items.iter().par_bridge(); // offends: disallowed_methods rayon::iter::ParallelBridge::par_bridge
    let _ = stackholm::rayon::par_iter(0..3);
    let _ = stackholm::rayon::par_iter(&mut *items);
    let _ = stackholm::rayon::par_iter(items.par_chunks(2));
    let _ = stackholm::rayon::par_bridge(items.iter());
}

/// Never bound: each use of a `const` is a variable of its own.
pub const NEVER: Var<u32> = Var::new("never"); // offends: declare_interior_mutable_const

/// A guard over an await.
pub async fn guards() {
    let _guard = N.enter(1); // offends: await_holding_invalid_type stackholm::Entered
    std::future::ready(()).await;
}

/// A guard that ends before the await, and a future in a scope.
pub async fn scopes() {
    drop(N.enter(1));
    N.scope(1, std::future::ready(())).await;
}

/// A future that is handed over by the function that carries, as on the first page of the crate.
pub async fn handed_over() -> u32 {
    N.scope(1, async { stackholm::tokio::spawn(async { N.get() }).await }).await.unwrap_or(0)
}

/// What is meant may say so.
pub fn meant() {
    #[expect(clippy::disallowed_methods, reason = "as the page says")]
    std::thread::spawn(|| ()).join().unwrap();
}
