//! One offence on each marked line, and beside it what should stand there, which offends nobody.

use stackholm::tokio::SpawnExt;
use stackholm::Var;

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
    runtime.spawn(async {}); // offends: disallowed_methods tokio::runtime::Runtime::spawn
    runtime.handle().spawn(async {}); // offends: disallowed_methods tokio::runtime::Handle::spawn
    stackholm::tokio::spawn(async {});
    stackholm::tokio::spawn_blocking(|| ());
    stackholm::tokio::spawn_local(async {});
    stackholm::tokio::JoinSet::new().spawn(async {});
    runtime.spawn_carrying(async {});
    runtime.handle().spawn_detached(async {});
}

/// Jobs.
pub fn jobs() {
    rayon::spawn(|| ()); // offends: disallowed_methods rayon::spawn
    rayon::join(|| (), || ()); // offends: disallowed_methods rayon::join
    rayon::scope(|_| ()); // offends: disallowed_methods rayon::scope
    stackholm::rayon::spawn(|| ());
    stackholm::rayon::join(|| (), || ());
    stackholm::rayon::scope(|_| ());
}

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

/// What is meant may say so.
pub fn meant() {
    #[expect(clippy::disallowed_methods, reason = "as the page says")]
    std::thread::spawn(|| ()).join().unwrap();
}
