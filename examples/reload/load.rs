//! Requests without end, while the file is rewritten.

use super::file;
use super::service::{FLAGS, ROUTES, Seen, Service};
use super::tables::Tables;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, interval};

/// How often the file is rewritten.
pub(crate) const EVERY: Duration = Duration::from_millis(10);

/// How many requests run at a time.
const TASKS: usize = 8;

/// When the file is rewritten.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// That often, each time when the last change is there.
    Times(u64),
    /// A hundred times a second, for that long.
    For(Duration),
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) seen: Seen,
    pub(crate) written: u64,
    /// If two changes come quickly one after the other, the first may never be seen.
    pub(crate) loaded: u64,
}

/// Requests of some tasks until `stop`: long ones and short ones in turn.
pub(crate) async fn requests<T: Tables>(service: &Arc<Service<T>>, stop: &Arc<AtomicBool>) -> Seen {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (service, stop) = (Arc::clone(service), Arc::clone(stop));
        tasks.spawn(async move {
            let mut seen = Seen::default();
            for number in (task..).step_by(TASKS) {
                seen += service.request(number, yield_now()).await;
                seen += service.short_request(number);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            seen
        });
    }
    let mut all = Seen::default();
    while let Some(seen) = tasks.join_next().await {
        all += seen.expect("nothing panics there");
    }
    all
}

impl<T: Tables> Service<T> {
    /// Serves requests while the file is rewritten at that pace.
    pub(crate) async fn serve(self: &Arc<Self>, file: &Path, pace: Pace) -> io::Result<Ran> {
        let watcher = self.follow(file).map_err(io::Error::other)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (service, until) = (Arc::clone(self), Arc::clone(&stop));
        let requests = tokio::spawn(async move { requests(&service, &until).await });
        let changed = self.change(file, pace).await;
        stop.store(true, Ordering::Relaxed);
        let seen = requests.await.expect("nothing panics there");
        drop(watcher);
        let (written, loaded) = changed?;
        Ok(Ran { seen, written, loaded })
    }

    /// Says how often the file was rewritten, and how often that was loaded.
    async fn change(&self, file: &Path, pace: Pace) -> io::Result<(u64, u64)> {
        let (mut written, mut loaded) = (0, 0);
        let text = |version| file::text(version, ROUTES, FLAGS);
        match pace {
            Pace::Times(times) => {
                while written < times {
                    written += 1;
                    let outcome = self.rewrite(file, &text(written)).await?;
                    loaded += u64::from(outcome == Ok(written));
                }
            }
            Pace::For(time) => {
                let (start, before, mut ticks) =
                    (Instant::now(), self.last.version(), interval(EVERY));
                while start.elapsed() < time {
                    ticks.tick().await;
                    written += 1;
                    file::replace(file, &text(written))?;
                }
                let mut last = before;
                while self.last.with(|outcome| *outcome != Ok(written)) {
                    last = self.next(last).await?;
                }
                loaded = self.last.version() - before;
            }
        }
        Ok((written, loaded))
    }
}
