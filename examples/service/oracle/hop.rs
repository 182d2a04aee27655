//! The places that a request comes through, each of which looks at its values.

use std::fmt;
use std::str::FromStr;

/// Where work goes on; the groups of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Http,
    Tokio,
    Futures,
    Std,
    Others,
    Rayon,
}

macro_rules! hops {
    ($($(#[$doc:meta])* $hop:ident $name:literal $field:ident $looks:literal $sees:ident $how:literal;)*) => {
        /// One place on the way of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Hop {
            $($(#[$doc])* #[doc = $how] $hop),*
        }

        impl Hop {
            pub(crate) const ALL: [Hop; [$($looks),*].len()] = [$(Hop::$hop),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Hop::$hop => $name),* }
            }

            /// How it is reached.
            pub(crate) fn how(self) -> &'static str {
                match self { $(Hop::$hop => $how),* }
            }

            pub(crate) fn field(self) -> Field {
                match self { $(Hop::$hop => Field::$field),* }
            }

            /// How often an answered request looks around here before its last chunk.
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
    /// Nothing at all; whatever is seen there belongs to somebody else.
    Nothing,
}

hops! {
    Arrival "arrival" Http 1 Nothing "hyper's server, DetachingExecutor: before the layer";
    Layer "layer" Http 1 Values "tower: the synchronous part of `call`, under ContextLayer";
    Extractor "extractor" Http 1 Values "axum: arguments Context and FromContext";
    Handler "handler" Http 2 Values "tower: the future, under ContextLayer";
    Upload "upload" Http 2 Values "the body of the request, read frame by frame";
    Executor "executor" Http 1 Values "hyper: CarryingExecutor";
    DetachingExecutor "detaching-executor" Http 1 Nothing "hyper: DetachingExecutor";
    BareSpawn "bare-spawn" Tokio 1 Nothing "tokio::spawn, bare";
    Detached "detached" Tokio 1 Nothing "spawn_detached";
    Checkpoint "checkpoint" Tokio 3 Values "an open checkpoint around awaits";
    Left "left" Tokio 2 Values "join!, one future";
    Right "right" Tokio 2 Values "join!, the other";
    Select "select" Tokio 3 Values "select!, the branch that wins and the one that is dropped";
    Timer "timer" Tokio 3 Values "sleep, timeout, interval";
    Task "task" Tokio 2 Values "tokio: spawn";
    Subtask "subtask" Tokio 1 Values "spawn in a spawned task";
    JoinSet "join-set" Tokio 3 Values "JoinSet";
    JoinMap "join-map" Tokio 2 Values "JoinMap of tokio-util";
    Tracker "task-tracker" Tokio 2 Values "TaskTracker, and a cancellation token in a variable";
    Runtime "handle" Tokio 2 Values "Handle: spawn_carrying, spawn_blocking_carrying";
    InPlace "block-in-place" Tokio 1 Values "block_in_place";
    Actor "actor" Tokio 2 Values "an Envelope to a task that serves all requests";
    Blocking "blocking" Tokio 2 Values "spawn_blocking";
    LocalSet "local-set" Tokio 2 Values "LocalSet: spawn_local_carrying, run_until_carrying";
    BlockOn "block-on" Tokio 1 Values "Handle: block_on_carrying";
    Stream "stream" Futures 3 Values "Stream, driven by a task that sees nothing";
    Sink "sink" Futures 3 Values "Sink, likewise";
    Unordered "futures-unordered" Futures 6 Values "FuturesUnordered, likewise";
    Shared "shared" Futures 1 Values "Shared, awaited by two tasks";
    Reader "reader" Futures 2 Values "AsyncRead of tokio";
    Writer "writer" Futures 2 Values "AsyncWrite of futures";
    Thread "thread" Std 1 Values "thread::spawn";
    Scoped "scoped-thread" Std 2 Values "thread::scope";
    Builder "thread-builder" Std 1 Values "thread::Builder";
    Mailbox "mailbox" Std 1 Values "an Envelope through std's channel to a thread that serves all requests";
    Iterator "iterator" Std 3 Values "an iterator made here and driven on a bare thread";
    Crossbeam "crossbeam" Others 2 Values "crossbeam's scoped threads: Context::wrap";
    Pool "pool" Others 1 Values "a pool of threads for all requests: Context::wrap";
    Join "rayon-join" Rayon 2 Values "join";
    Scope "rayon-scope" Rayon 3 Values "scope, scope_fifo, in_place_scope";
    Spawn "rayon-spawn" Rayon 2 Values "spawn, spawn_fifo";
    Install "rayon-install" Rayon 1 Values "ThreadPool: install_carrying";
    Broadcast "rayon-broadcast" Rayon 2 Values "ThreadPool: broadcast_carrying, on each of its threads";
    Indexed "rayon-indexed" Rayon 8 Values "a parallel iterator with rev, enumerate, zip, collect_into_vec";
    Unindexed "rayon-unindexed" Rayon 8 Values "a parallel iterator with filter, flat_map, reduce";
    Body "body" Http 4 Values "each frame of the response, when the handler has returned";
}

impl Hop {
    /// How often an answered request looks around, up to its last chunk.
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

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Field::Http => "http",
            Field::Tokio => "tokio",
            Field::Futures => "futures",
            Field::Std => "std",
            Field::Others => "pools",
            Field::Rayon => "rayon",
        })
    }
}
