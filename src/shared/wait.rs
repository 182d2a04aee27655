//! Threads and tasks that wait for the next version of a cell.
//!
//! Their list has a lock of its own. Readers never take it; a writer takes it only if the version
//! is marked, which says that somebody waits.

use super::cell::Shared;
use crate::sys::{Arc, CallAll, Mutex, PoisonError, more_than, push_if_room};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct List {
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

pub(super) struct Waiters(Mutex<List>);

impl Waiters {
    pub(super) const fn new() -> Self {
        Waiters(Mutex::new(List { next: 0, wakers: Vec::new() }))
    }

    /// `f` runs no code of the user.
    fn with<R>(&self, f: impl FnOnce(&mut List) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes all who are on the list, and leaves it empty. If some of them panic, all are woken, and
    /// the first such panic goes on.
    #[cold]
    pub(super) fn wake(&self) {
        let mut all = CallAll::default();
        for (_, waker) in self.with(|list| std::mem::take(&mut list.wakers)) {
            all.call(|| waker.wake());
        }
        all.finish();
    }

    /// Puts a waker on the list, in place of the one with that number if there is one. Returns its
    /// number.
    fn put(&self, number: Option<u64>, waker: Waker) -> u64 {
        let (mut waker, mut spare) = (waker, Vec::new());
        loop {
            let put = self.with(|list| {
                let place = list.wakers.iter_mut().find(|(known, _)| Some(*known) == number);
                if let Some((number, place)) = place {
                    return Ok((*number, Some(std::mem::replace(place, waker))));
                }
                let next = list.next + 1;
                push_if_room(&mut list.wakers, &mut spare, (next, waker))
                    .map_err(|(_, waker)| (waker, list.wakers.len()))?;
                list.next = next;
                Ok((next, None))
            });
            match put {
                // Foreign code, now that the list is free: the old waker ends.
                Ok((number, _old)) => return number,
                Err((back, number)) => (waker, spare) = (back, more_than(number)),
            }
        }
    }

    fn remove(&self, number: u64) {
        let waker = self.with(|list| {
            let place = list.wakers.iter().position(|(known, _)| *known == number)?;
            Some(list.wakers.swap_remove(place))
        });
        drop(waker);
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Waits for a version newer than `since`, and returns it.
    ///
    /// Several changes in a row may be seen as one, the newest. On a thread, see
    /// [`wait`](Self::wait).
    ///
    /// # Examples
    /// ```
    /// use stackholm::Shared;
    ///
    /// static LIMIT: Shared<u32> = Shared::new(|| 10);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let seen = LIMIT.load();
    /// let watcher = tokio::spawn(async move {
    ///     LIMIT.changed(seen.version()).await;
    ///     *LIMIT.load()
    /// });
    /// tokio::task::yield_now().await;
    /// LIMIT.store(20);
    /// assert_eq!(watcher.await.unwrap(), 20);
    /// # }
    /// ```
    pub fn changed(&self, since: u64) -> Changed<'_, T> {
        Changed::new(self, since)
    }

    /// Blocks this thread until there is a version newer than `since`, and returns it.
    pub fn wait(&self, since: u64) -> u64 {
        wait(self.changed(since))
    }

    /// Marks that somebody waits for a version after `since`; `false` if there is one already.
    fn mark(&self, since: u64) -> bool {
        self.slot.mark(usize::try_from(since).unwrap_or(usize::MAX))
    }
}

/// Ready when a cell has a newer version; made by [`Shared::changed`].
#[must_use = "futures do nothing unless polled"]
pub struct Changed<'a, T: 'static> {
    cell: &'a Shared<T>,
    since: u64,
    number: Option<u64>,
}

impl<'a, T: Send + Sync + 'static> Changed<'a, T> {
    fn new(cell: &'a Shared<T>, since: u64) -> Self {
        Changed { cell, since, number: None }
    }
}

impl<T: Send + Sync + 'static> Future for Changed<'_, T> {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        let this = &mut *self;
        if !this.cell.changed_since(this.since) {
            let waker = context.waker().clone();
            this.number = Some(this.cell.waiters.put(this.number, waker));
            // Checks again, in one step with the mark: so either this poll sees a store, or the
            // store sees the mark.
            if this.cell.mark(this.since) {
                return Poll::Pending;
            }
        }
        if let Some(number) = this.number.take() {
            this.cell.waiters.remove(number);
        }
        Poll::Ready(this.cell.version())
    }
}

impl<T: 'static> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.cell.waiters.remove(number);
        }
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").field("since", &self.since).finish_non_exhaustive()
    }
}

/// Wakes a waiting thread.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until the future is ready.
fn wait<T: Send + Sync + 'static>(mut changed: Changed<'_, T>) -> u64 {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut changed).poll(&mut context) {
            Poll::Ready(version) => return version,
            Poll::Pending => thread::park(),
        }
    }
}
