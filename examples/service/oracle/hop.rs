//! The places that a request comes through, each of which looks at its values.

use std::fmt;
use std::str::FromStr;

macro_rules! hops {
    ($($hop:ident $name:literal $looks:literal $sees:ident $how:literal;)*) => {
        /// One place on the way of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Hop {
            $(#[doc = $how] $hop),*
        }

        impl Hop {
            pub(crate) const ALL: [Hop; [$($looks),*].len()] = [$(Hop::$hop),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Hop::$hop => $name),* }
            }

            /// How the request gets here.
            pub(crate) fn how(self) -> &'static str {
                match self { $(Hop::$hop => $how),* }
            }

            /// How often an answered request checks its values here before its last chunk.
            pub(crate) const fn looks(self) -> u32 {
                match self { $(Hop::$hop => $looks),* }
            }

            /// What is to be seen here.
            pub(crate) const fn sight(self) -> Sight {
                match self { $(Hop::$hop => Sight::$sees),* }
            }
        }
    };
}

/// What a hop is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The values of its request.
    Values,
    /// Nothing at all. Any value that is seen there belongs to another request.
    Nothing,
}

hops! {
    Arrival "arrival" 1 Nothing "hyper: the server, before the layer";
    Layer "layer" 1 Values "tower: the synchronous part of `call`";
    Extractor "extractor" 1 Values "axum: the arguments Context and FromContext";
    Handler "handler" 2 Values "tower: the future under ContextLayer";
    Upload "upload" 2 Values "the request's body, frame by frame";
    Executor "executor" 1 Values "hyper: CarryingExecutor";
    DetachingExecutor "detaching-executor" 1 Nothing "hyper: DetachingExecutor";
    BareSpawn "bare-spawn" 1 Nothing "tokio::spawn, bare";
    Detached "detached" 1 Nothing "tokio: spawn_detached";
    Checkpoint "checkpoint" 3 Values "an open checkpoint around awaits";
    Left "left" 2 Values "tokio: join!, one future";
    Right "right" 2 Values "tokio: join!, the other one";
    Select "select" 3 Values "tokio: select!, the winner and the dropped one";
    Timer "timer" 3 Values "tokio: sleep, timeout, interval";
    Task "task" 2 Values "tokio: spawn";
    Subtask "subtask" 1 Values "tokio: spawn in a spawned task";
    JoinSet "join-set" 3 Values "tokio: JoinSet";
    JoinMap "join-map" 2 Values "tokio-util: JoinMap";
    Tracker "task-tracker" 2 Values "tokio-util: TaskTracker, CancellationToken";
    Runtime "handle" 2 Values "tokio: Handle, two methods that carry";
    InPlace "block-in-place" 1 Values "tokio: block_in_place";
    Actor "actor" 2 Values "an Envelope sent to a long-lived task";
    Blocking "blocking" 2 Values "tokio: spawn_blocking";
    LocalSet "local-set" 2 Values "tokio: LocalSet, two methods that carry";
    BlockOn "block-on" 1 Values "tokio: Handle::block_on_carrying";
    Stream "stream" 3 Values "futures: Stream, driven by a bare task";
    Sink "sink" 3 Values "futures: Sink, driven by a bare task";
    Unordered "futures-unordered" 6 Values "futures: FuturesUnordered in a bare task";
    Shared "shared" 1 Values "futures: Shared, awaited by two tasks";
    Reader "reader" 2 Values "tokio: AsyncRead";
    Writer "writer" 2 Values "futures: AsyncWrite";
    Thread "thread" 1 Values "thread::spawn";
    Scoped "scoped-thread" 2 Values "thread::scope";
    Builder "thread-builder" 1 Values "thread::Builder";
    Mailbox "mailbox" 1 Values "an Envelope sent to a long-lived thread";
    Iterator "iterator" 3 Values "an iterator driven on a bare thread";
    Crossbeam "crossbeam" 2 Values "crossbeam: scoped threads, Context::wrap";
    Pool "pool" 1 Values "a pool of threads, Context::wrap";
    Join "rayon-join" 2 Values "rayon: join";
    Scope "rayon-scope" 3 Values "rayon: scope, scope_fifo, in_place_scope";
    Spawn "rayon-spawn" 2 Values "rayon: spawn, spawn_fifo";
    Install "rayon-install" 1 Values "rayon: ThreadPool::install_carrying";
    Broadcast "rayon-broadcast" 2 Values "rayon: ThreadPool::broadcast_carrying";
    Indexed "rayon-indexed" 8 Values "rayon: a parallel iterator, indexed";
    Unindexed "rayon-unindexed" 8 Values "rayon: a parallel iterator, not indexed";
    Body "body" 4 Values "the response's body, frame by frame";
}

impl Hop {
    /// How often an answered request checks its values, up to its last chunk.
    pub(crate) const LOOKS: u32 = {
        let (mut looks, mut at) = (0, 0);
        while at < Hop::ALL.len() {
            looks += Hop::ALL[at].looks();
            at += 1;
        }
        looks
    };

    /// The hops of a request that is measured: see `server/six_hops.rs`.
    pub(crate) const MEASURED: [Hop; 6] =
        [Hop::Handler, Hop::Checkpoint, Hop::Task, Hop::Subtask, Hop::Blocking, Hop::Body];

    /// Those that see the values of the request.
    pub(crate) fn seeing() -> impl Iterator<Item = Hop> {
        Hop::ALL.into_iter().filter(|hop| hop.sight() == Sight::Values)
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Hop {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Hop::ALL.into_iter().find(|hop| hop.name() == name).ok_or(())
    }
}
