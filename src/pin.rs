//! A picture of the process-wide values that is pinned for the extent of a request.

use crate::engine::{Bind, current};
use crate::entered::Entered;
use crate::future::InContext;
use crate::picture::{Globals, PIN};
use crate::stack::Stack;
use core::panic::Location;

impl Globals {
    /// Calls `f` with this picture pinned: `f` reads the process-wide values of this picture.
    ///
    /// A value that is set meanwhile is set for the whole process, and visible here after the
    /// block.
    #[track_caller]
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// Pins this picture until the guard is dropped, in a sealed scope.
    #[track_caller]
    pub fn enter(&self) -> Entered {
        Entered::new(current::enter(&PIN, self.clone(), Location::caller()))
    }

    /// A future with this picture pinned, on top of what is visible where it is first polled. A
    /// stream, a body or a closure that is called later may be wrapped too, as by
    /// [`Var::scope`](crate::Var::scope).
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Globals, Var};
    ///
    /// static MOTD: Var<&str> = Var::new("motd");
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// MOTD.set_global("old");
    /// let request = Globals::current().wrap(async {
    ///     let before = MOTD.get();
    ///     tokio::task::yield_now().await;
    ///     (before, MOTD.get())
    /// });
    /// MOTD.set_global("new");
    /// assert_eq!(request.await, ("old", "old"));
    /// assert_eq!(MOTD.get(), "new");
    /// # }
    /// ```
    #[track_caller]
    pub fn wrap<F>(&self, future: F) -> InContext<F, Bind<'static, Globals>> {
        let place = Location::caller();
        InContext::waiting(future, Bind::new(&PIN, self.clone(), place), place, |bind, _| {
            let (key, value, place) = bind.into_parts();
            let mut stack = Stack::going_on(place);
            let serial = current::serial();
            stack.work(|raw, _| raw.scope(key, value, || serial, place));
            stack
        })
    }
}
