//! Deadlines: by when the work here must be done, and who set that limit.
//!
//! A deadline is the value of an ordinary variable, [`DEADLINE`]: whatever carries variables
//! carries it, and work that is detached has none. Of nested limits the earliest counts. There is
//! no timer in this module: blocking code asks [`check`], and a timer of the runtime ends a future,
//! by [`ByDeadlineExt::by_deadline_on`] or, with the feature `tokio`,
//! `stackholm::tokio::DeadlineExt::by_deadline`.
//!
//! ```
//! use stackholm::deadline;
//! use std::time::Duration;
//!
//! fn crack(key: u32) -> Result<u32, deadline::Expired> {
//!     for guess in 0..key {
//!         if guess % 1024 == 0 {
//!             deadline::check()?;
//!         }
//!     }
//!     Ok(key)
//! }
//!
//! assert_eq!(deadline::within(Duration::from_secs(60)).run(|| crack(5000)), Ok(5000));
//! let expired = deadline::within(Duration::ZERO).named("cracking").run(|| crack(5000));
//! assert!(expired.unwrap_err().to_string().starts_with("the limit `cracking`, set at "));
//! ```

use crate::checkpoint::Scope;
use crate::engine::current as engine;
use crate::entered::Entered;
use crate::error::Place;
use crate::future::InContext;
use crate::stack::Stack;
use crate::var::Var;
use pin_project_lite::pin_project;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

/// The deadline of the work here. Its reach is everywhere. [`within`] and [`at`] bind it. A binding
/// made by hand replaces the outer limit, even if the new one is later.
pub static DEADLINE: Var<Deadline> = Var::new("deadline");

/// When the work must be done, and who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    place: Place,
    name: Option<&'static str>,
}

impl Deadline {
    #[cfg(feature = "wire")]
    pub(crate) fn new(at: Instant, place: Place, name: Option<&'static str>) -> Self {
        Deadline { at, place, name }
    }

    /// The point in time.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Where the limit was set: the call of [`within`] or [`at`](fn@at). If it came from another
    /// process, the place where the `wire::Timeout` was made.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The name of the limit, see [`Limit::named`].
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// How much time is left; zero if it is over.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Fails if the deadline is over.
    ///
    /// # Errors
    /// If no time is left.
    pub fn check(&self) -> Result<(), Expired> {
        match Instant::now().checked_duration_since(self.at) {
            Some(over_by) => Err(Expired { deadline: *self, over_by }),
            None => Ok(()),
        }
    }

    pub(crate) fn expired(&self) -> Expired {
        Expired { deadline: *self, over_by: Instant::now().saturating_duration_since(self.at) }
    }
}

/// A limit for the work inside. The time runs from this call, not from where the limit is entered.
///
/// A limit beyond what the clock can express is no limit.
#[must_use = "nothing is limited before it is entered"]
#[track_caller]
pub fn within(limit: Duration) -> Limit {
    Limit::new(Instant::now().checked_add(limit), Location::caller())
}

/// A limit for the work inside: it must be done by `instant`.
#[must_use = "nothing is limited before it is entered"]
#[track_caller]
pub fn at(instant: Instant) -> Limit {
    Limit::new(Some(instant), Location::caller())
}

/// The deadline of the work here, if there is one.
#[inline]
pub fn current() -> Option<Deadline> {
    if DEADLINE.has_nothing() { None } else { DEADLINE.try_get().ok() }
}

/// How much time is left here; `None` without a limit, zero if it is over.
///
/// Without a limit this is one read of a variable, and does not ask the clock.
#[inline]
pub fn remaining() -> Option<Duration> {
    current().map(|deadline| deadline.remaining())
}

/// Fails if the deadline of the work here is over: for loops of blocking code.
///
/// # Errors
/// If a limit is set and no time is left.
#[inline]
pub fn check() -> Result<(), Expired> {
    current().map_or(Ok(()), |deadline| deadline.check())
}

/// A limit that is not entered yet; made by [`within`] and [`at`].
///
/// Where it is entered, it is compared with the limit outside, and the earlier one applies. A
/// future enters it where it is first polled, so limits that are written in each other's arguments
/// nest.
#[must_use = "nothing is limited before it is entered"]
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    at: Option<Instant>,
    place: Place,
    name: Option<&'static str>,
}

impl Limit {
    fn new(at: Option<Instant>, place: Place) -> Self {
        Limit { at, place, name: None }
    }

    /// The same limit with a name for people, which [`Expired`] shows.
    pub fn named(self, name: &'static str) -> Self {
        Limit { name: Some(name), ..self }
    }

    /// What is to be bound: nothing if the limit outside is as early or earlier.
    fn smaller(self) -> Option<Deadline> {
        let ours = Deadline { at: self.at?, place: self.place, name: self.name };
        current().is_none_or(|outer| ours.at < outer.at).then_some(ours)
    }

    /// Enters a sealed scope with the limit.
    #[track_caller]
    pub fn enter(self) -> Entered {
        match self.smaller() {
            Some(deadline) => DEADLINE.enter(deadline),
            None => Scope::new().enter(),
        }
    }

    /// Calls `f` with the limit.
    #[track_caller]
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// A future that runs under the limit. The limit does not end it by itself: the future must ask
    /// [`check`], or await futures that end [by their deadline](ByDeadlineExt).
    #[track_caller]
    pub fn wrap<F>(self, future: F) -> InContext<F, Self> {
        InContext::waiting(future, self, Location::caller(), |limit, place| {
            let smaller = limit.smaller();
            let mut stack = Stack::going_on(place);
            if let Some(deadline) = smaller {
                let serial = engine::serial();
                stack.work(|raw, _| raw.scope(DEADLINE.key(), deadline, || serial, place));
            }
            stack
        })
    }
}

/// A deadline is over. It says who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    deadline: Deadline,
    over_by: Duration,
}

impl Expired {
    /// Where the limit that is over was set.
    pub fn place(&self) -> Place {
        self.deadline.place
    }

    /// The name of the limit that is over, if it has one.
    pub fn name(&self) -> Option<&'static str> {
        self.deadline.name
    }

    /// How long the deadline had been over when that was noticed.
    pub fn over_by(&self) -> Duration {
        self.over_by
    }
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the limit ")?;
        if let Some(name) = self.name() {
            write!(f, "`{name}`, ")?;
        }
        write!(f, "set at {}, is over since {:?}", self.place(), self.over_by)
    }
}

impl std::error::Error for Expired {}

/// Makes futures that are ready after some time: the timer of a runtime. A closure is one.
pub trait Timer {
    /// The future of [`sleep`](Self::sleep).
    type Sleep: Future<Output = ()>;

    /// A future that is ready when `duration` is over.
    fn sleep(&self, duration: Duration) -> Self::Sleep;
}

impl<S: Future<Output = ()>, F: Fn(Duration) -> S> Timer for F {
    type Sleep = S;

    fn sleep(&self, duration: Duration) -> S {
        self(duration)
    }
}

/// Ends futures by the deadline that they work under, on any runtime.
pub trait ByDeadlineExt: Future + Sized {
    /// Ends the future when the deadline that is visible where it is first polled is over.
    ///
    /// If the future is ready in that same poll, its output is returned. The timer is asked once,
    /// if the future has to wait; without a deadline it is not asked.
    ///
    /// # Examples
    /// ```
    /// use stackholm::deadline::{self, ByDeadlineExt};
    /// use std::time::Duration;
    /// # smol::block_on(async {
    /// let timer = |duration| async move { drop(smol::Timer::after(duration).await) };
    /// let endless = std::future::pending::<()>().by_deadline_on(timer);
    /// let expired = deadline::within(Duration::from_millis(1)).wrap(endless).await.unwrap_err();
    /// assert_eq!(expired.place().file(), file!());
    /// # });
    /// ```
    fn by_deadline_on<T: Timer>(self, timer: T) -> ByDeadline<Self, T> {
        ByDeadline { future: self, sleep: None, timer, state: State::New }
    }
}

impl<F: Future> ByDeadlineExt for F {}

/// The state of a future that ends by its deadline.
#[derive(Clone, Copy)]
enum State {
    New,
    NoLimit,
    Until(Deadline),
    Over,
}

pin_project! {
    /// A future that ends by its deadline; made by [`ByDeadlineExt::by_deadline_on`]. It panics if
    /// it is polled again after it was ready.
    #[must_use = "futures do nothing unless polled"]
    pub struct ByDeadline<F, T: Timer> {
        #[pin]
        future: F,
        #[pin]
        sleep: Option<T::Sleep>,
        timer: T,
        state: State,
    }
}

impl<F: Future, T: Timer> Future for ByDeadline<F, T> {
    type Output = Result<F::Output, Expired>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        assert!(!matches!(this.state, State::Over), "polled after it was ready");
        if matches!(this.state, State::New) {
            *this.state = current().map_or(State::NoLimit, State::Until);
        }
        if let Poll::Ready(output) = this.future.poll(cx) {
            *this.state = State::Over;
            return Poll::Ready(Ok(output));
        }
        let State::Until(deadline) = *this.state else { return Poll::Pending };
        if this.sleep.is_none() {
            let remaining = deadline.remaining();
            if !remaining.is_zero() {
                this.sleep.set(Some(this.timer.sleep(remaining)));
            }
        }
        let is_waiting = this.sleep.as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_pending());
        if is_waiting {
            return Poll::Pending;
        }
        *this.state = State::Over;
        Poll::Ready(Err(deadline.expired()))
    }
}

impl<F, T: Timer> fmt::Debug for ByDeadline<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByDeadline").finish_non_exhaustive()
    }
}
