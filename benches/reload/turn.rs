//! One turn: requests on all cores for a while, with the file left alone, or rewritten.

use crate::example::file::{self, Config};
use crate::example::load::{EVERY, requests};
use crate::example::service::{FLAGS, ROUTES, Seen, Service};
use crate::example::tables::Tables;
use crate::example::watch::{Folder, watch};
use stackholm_benches::counting::{Held, begin, end};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What happens to the file meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reloads {
    /// Nothing.
    None,
    /// It is rewritten and read, and what it says is dropped: what any reload costs.
    Dropped,
    /// It is rewritten and loaded.
    Loaded,
}

/// Which requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those that stay on a thread, one thread for each core.
    Short,
    /// One of these and one that hops to another thread, in turn.
    Mixed,
}

/// What came of a turn.
#[derive(Clone, Copy)]
pub struct Turn {
    /// Nanoseconds of all cores together for each request.
    pub nanos: f64,
    pub seen: Seen,
}

/// One of the ways to have the tables.
pub trait Way {
    fn turn(&self, kind: Kind, reloads: Reloads, time: Duration) -> Turn;

    /// What publishing asks of the allocator, besides what was read from the file; and in how many
    /// steps all of it is there.
    fn publishing(&self) -> (Held, usize);
}

/// Versions of all ways: some share the process-wide values.
static VERSION: AtomicU64 = AtomicU64::new(1);

fn next_text() -> String {
    file::text(VERSION.fetch_add(1, Relaxed), ROUTES, FLAGS)
}

pub fn cores() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

pub struct Of<T> {
    service: Arc<Service<T>>,
    runtime: Arc<Runtime>,
    _folder: Arc<Folder>,
    file: PathBuf,
}

impl<T: Tables> Of<T> {
    pub fn new(tables: T, runtime: &Arc<Runtime>, folder: &Arc<Folder>) -> Self {
        Of {
            service: Arc::new(Service::new(tables)),
            runtime: Arc::clone(runtime),
            file: folder.file(),
            _folder: Arc::clone(folder),
        }
    }

    /// Lets that time pass.
    fn pass(&self, reloads: Reloads, time: Duration) {
        let start = Instant::now();
        if reloads == Reloads::None {
            return thread::sleep(time);
        }
        for at in 1.. {
            file::replace(&self.file, &next_text()).expect("the file can be written");
            thread::sleep((EVERY * at).saturating_sub(start.elapsed()));
            if start.elapsed() >= time {
                break;
            }
        }
    }

    fn short(&self, reloads: Reloads, time: Duration) -> (Seen, Duration) {
        let (stop, barrier) = (AtomicBool::new(false), Barrier::new(cores() + 1));
        thread::scope(|scope| {
            let spin = |thread: usize| {
                let (service, stop, barrier) = (&self.service, &stop, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let mut seen = Seen::default();
                    let mut number = thread;
                    while !stop.load(Relaxed) {
                        for _ in 0..64 {
                            seen += service.short_request(number);
                            number = number.wrapping_add(1);
                        }
                    }
                    seen
                })
            };
            let threads: Vec<_> = (0..cores()).map(spin).collect();
            barrier.wait();
            let start = Instant::now();
            self.pass(reloads, time);
            stop.store(true, Relaxed);
            let took = start.elapsed();
            let mut all = Seen::default();
            threads.into_iter().for_each(|thread| all += thread.join().expect("no panic"));
            (all, took)
        })
    }

    fn mixed(&self, reloads: Reloads, time: Duration) -> (Seen, Duration) {
        let stop = Arc::new(AtomicBool::new(false));
        let (service, until) = (Arc::clone(&self.service), Arc::clone(&stop));
        let start = Instant::now();
        let all = self.runtime.spawn(async move { requests(&service, &until).await });
        self.pass(reloads, time);
        stop.store(true, Relaxed);
        (self.runtime.block_on(all).expect("no panic"), start.elapsed())
    }
}

impl<T: Tables> Way for Of<T> {
    fn turn(&self, kind: Kind, reloads: Reloads, time: Duration) -> Turn {
        let service = Arc::clone(&self.service);
        let watching = match reloads {
            Reloads::None => None,
            Reloads::Dropped => {
                Some(watch(&self.file, |read| drop(read.expect("it is well-formed"))))
            }
            Reloads::Loaded => Some(watch(&self.file, move |read| service.reload(read))),
        };
        let watching = watching.transpose().expect("the folder can be watched");
        let (seen, took) = match kind {
            Kind::Short => self.short(reloads, time),
            Kind::Mixed => self.mixed(reloads, time),
        };
        drop(watching);
        let nanos = took.as_secs_f64() * 1e9 * cores() as f64 / seen.requests as f64;
        Turn { nanos, seen }
    }

    fn publishing(&self) -> (Held, usize) {
        let mut last = (Held::default(), 0);
        // The first ones still grow what is kept for the next.
        for _ in 0..20 {
            let config = Config::parse(&next_text()).expect("it is well-formed");
            begin();
            let steps = self.service.tables.publish(config);
            last = (end(), steps);
        }
        last
    }
}
