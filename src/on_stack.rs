//! Futures on a stack that is lent to them, and given back.

use crate::stack::Stack;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{self, Poll};
use pin_project_lite::pin_project;

/// Futures on a stack that is given back.
impl Stack {
    /// A future that runs on this stack, and is dropped on it. When it is gone the stack is there
    /// again, with what it has set and entered; what is bound here before, of short reach included,
    /// it sees.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Var, embed::Stack};
    ///
    /// static TX: Var<u32> = Var::new("tx").stays_on_stack();
    /// static ROWS: Var<u32> = Var::new("rows");
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut stack = Stack::inherit();
    /// stack.set(&TX, 1).unwrap();
    /// stack.run_async(async { ROWS.set(TX.get() + 1).unwrap() }).await;
    /// assert_eq!(stack.get(&ROWS), Some(&2));
    /// # }
    /// ```
    pub fn run_async<F: Future>(&mut self, future: F) -> OnStack<'_, F> {
        OnStack { stack: self, future: Some(future) }
    }
}

pin_project! {
    /// A future on a stack that is lent to it; made by
    /// [`Stack::run_async`](crate::embed::Stack::run_async).
    #[must_use = "futures do nothing unless polled"]
    pub struct OnStack<'s, F> {
        stack: &'s mut Stack,
        // `None` only while it is being dropped.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for OnStack<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.stack.run(|| this.future.set(None));
        }
    }
}

impl<F: Future> Future for OnStack<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future.as_pin_mut().expect("is there until the drop");
        this.stack.run(|| future.poll(cx))
    }
}

impl<F> fmt::Debug for OnStack<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnStack").finish_non_exhaustive()
    }
}
