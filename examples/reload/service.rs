//! A service: its tables, what came of the last reload, and a request that looks three times.

use super::file::{self, Config, Refused};
use super::tables::{Tables, View};
use stackholm::Shared;
use stackholm::tokio::spawn_blocking;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many of each are in the file.
pub(crate) const ROUTES: usize = 64;
pub(crate) const FLAGS: usize = 8;

/// The names of both, made once.
#[derive(Debug)]
struct Names {
    paths: Vec<String>,
    flags: Vec<String>,
}

/// What came of the last change of the file: the version that is there now, or why it is not taken
/// and the one from before stays.
pub(crate) type Outcome = Result<u64, Refused>;

/// Tables that a file fills.
#[derive(Debug)]
pub(crate) struct Service<T> {
    pub(crate) tables: T,
    /// An event for whoever waits for a reload.
    pub(crate) last: Shared<Outcome>,
    names: Names,
    /// A version that is published. What begins after that sees it, or a newer one.
    visible: AtomicU64,
}

impl<T: Tables> Service<T> {
    /// With the first version.
    pub(crate) fn new(tables: T) -> Self {
        let first = Config::parse(&file::text(0, ROUTES, FLAGS)).expect("it is well-formed");
        tables.publish(first);
        Service {
            tables,
            last: Shared::from(Ok(0)),
            names: Names {
                paths: (0..ROUTES).map(file::path).collect(),
                flags: (0..FLAGS).map(file::flag).collect(),
            },
            visible: AtomicU64::new(0),
        }
    }

    /// The file has changed, or cannot be read.
    pub(crate) fn reload(&self, read: Result<Config, Refused>) {
        let publish = |config: Config| {
            let version = config.version;
            self.tables.publish(config);
            // Release: whoever reads this version reads the tables after they were published.
            self.visible.store(version, Ordering::Release);
            version
        };
        self.last.store(read.map(publish));
    }

    /// The number of a request says what it asks for.
    fn look(&self, number: usize, view: &T::View) -> Look {
        let route = view.route(&self.names.paths[number % ROUTES]).expect("it is in each file");
        let flag = view.flag(&self.names.flags[number % FLAGS]).expect("it is in each file");
        Look { versions: [route.version, flag.version], is_right: Config::fits(route, flag) }
    }

    fn begin(&self) -> u64 {
        // Acquire: see `reload`.
        self.visible.load(Ordering::Acquire)
    }

    /// A request that stays on its thread.
    #[inline(always)]
    pub(crate) fn short_request(&self, number: usize) -> Seen {
        let visible = self.begin();
        let look = |view: &T::View| [(); 3].map(|()| self.look(number, view));
        Seen::of(visible, self.tables.run(look))
    }
}

impl<T: Tables> Service<T> {
    /// A request that looks at its beginning, on another thread, and at its end; between those it
    /// waits for `middle`.
    pub(crate) async fn request(
        self: &Arc<Self>,
        number: usize,
        middle: impl Future<Output = ()> + Send,
    ) -> Seen {
        let (visible, view) = (self.begin(), self.tables.view());
        self.tables
            .wrap(async move {
                let first = self.look(number, &view);
                middle.await;
                let (service, theirs) = (Arc::clone(self), view.clone());
                let there = spawn_blocking(move || service.look(number, &theirs));
                let second = there.await.expect("nothing panics there");
                Seen::of(visible, [first, second, self.look(number, &view)])
            })
            .await
    }
}

/// The versions of a route and a flag, read one after the other.
#[derive(Clone, Copy, Debug)]
struct Look {
    versions: [u64; 2],
    is_right: bool,
}

/// What requests saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    /// Of these: not all that they read was of one version.
    pub(crate) torn: u64,
    /// A value was not the one of its version.
    pub(crate) wrong: u64,
    /// The first look was older than what had been published before.
    pub(crate) stale: u64,
}

impl Seen {
    #[inline(always)]
    fn of(visible: u64, looks: [Look; 3]) -> Seen {
        let version = looks[0].versions[0];
        Seen {
            requests: 1,
            torn: u64::from(looks.iter().any(|look| look.versions != [version; 2])),
            wrong: u64::from(!looks.iter().all(|look| look.is_right)),
            stale: u64::from(version < visible),
        }
    }
}

impl AddAssign for Seen {
    fn add_assign(&mut self, more: Seen) {
        self.requests += more.requests;
        self.torn += more.torn;
        self.wrong += more.wrong;
        self.stale += more.stale;
    }
}
