//! Deadlines by the timer of tokio.

use crate::deadline::{ByDeadline, ByDeadlineExt, Timer};
use ::tokio::time::{self, Sleep};
use std::time::Duration;

/// The timer of tokio, for [`ByDeadlineExt::by_deadline_on`]. It needs a runtime with time enabled.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTimer;

impl Timer for TokioTimer {
    type Sleep = Sleep;

    fn sleep(&self, duration: Duration) -> Sleep {
        time::sleep(duration)
    }
}

/// Ends futures by the deadline that they work under.
pub trait DeadlineExt: Future + Sized {
    /// Ends the future when the [deadline](crate::deadline) that is visible where it is first
    /// polled is over; the error says who set it. See [`ByDeadlineExt::by_deadline_on`].
    ///
    /// # Panics
    /// When polled, if it has to wait for a deadline outside of a runtime with time enabled.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{deadline, tokio::DeadlineExt};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let query = std::future::pending::<()>().by_deadline();
    /// let expired = deadline::within(Duration::from_secs(3)).named("query").wrap(query).await;
    /// assert_eq!(expired.unwrap_err().name(), Some("query"));
    /// # }
    /// ```
    fn by_deadline(self) -> ByDeadline<Self, TokioTimer> {
        self.by_deadline_on(TokioTimer)
    }
}

impl<F: Future> DeadlineExt for F {}
