//! `Envelope`: something to be opened elsewhere, with the context of where it was sealed.
//!
//! For channels of jobs and messages, and for closures that other threads call. It is opened on a
//! stack of its own; if nobody opens it, the content is dropped on such a stack too.

use crate::context::Context;
use crate::future::InContext;
use crate::hop::Hop;
use crate::stack::Stack;
use core::fmt;
use core::mem;

/// A message or a job, with the context of its sender.
///
/// It is one word larger than an `Option` of the content (three with the feature `companions`), and
/// allocates only what registered companions capture.
///
/// # Examples
/// ```
/// use stackholm::{Envelope, Var};
/// use std::sync::mpsc;
///
/// static USER: Var<&str> = Var::new("user");
///
/// let (jobs, inbox) = mpsc::channel();
/// USER.sync_scope("ada", || jobs.send(Envelope::new("save"))).unwrap();
/// let line = inbox.recv().unwrap().open(|job| format!("{job} for {}", USER.get()));
/// assert_eq!(line, "save for ada");
/// assert!(!USER.is_bound());
/// ```
#[doc(alias("propagate"))]
#[derive(Clone)]
#[must_use = "nothing happens before it is opened"]
pub struct Envelope<T> {
    hop: Hop,
    /// `None` only once it has been opened.
    content: Option<T>,
}

impl<T> Envelope<T> {
    /// Seals `content` with what is visible here.
    #[track_caller]
    pub fn new(content: T) -> Self {
        Envelope { hop: Hop::current(), content: Some(content) }
    }

    /// Seals `content` with nothing: it is opened in the empty context, whatever is visible there.
    #[track_caller]
    pub fn detached(content: T) -> Self {
        Envelope { hop: Hop::empty(), content: Some(content) }
    }

    /// Seals `content` with `context`.
    #[track_caller]
    pub fn with_context(content: T, context: Context) -> Self {
        Envelope { hop: Hop::with(context), content: Some(content) }
    }

    /// Calls `f` with what is inside, in the context of the sender, in an open checkpoint of its
    /// own.
    pub fn open<R>(mut self, f: impl FnOnce(T) -> R) -> R {
        let content = self.take();
        self.stack().run(|| f(content))
    }

    /// As [`open`](Self::open), for a job that awaits: the future that `f` makes goes on with the
    /// same stack.
    ///
    /// # Examples
    /// ```
    /// # use stackholm::{Envelope, Var};
    /// # static USER: Var<&str> = Var::new("user");
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (jobs, mut inbox) = tokio::sync::mpsc::channel(8);
    /// USER.scope("ada", async { jobs.send(Envelope::new("save")).await }).await.unwrap();
    /// let job = inbox.recv().await.unwrap();
    /// let line = job.open_async(async |job| format!("{job} for {}", USER.get())).await;
    /// assert_eq!(line, "save for ada");
    /// # });
    /// ```
    pub fn open_async<F: Future>(mut self, f: impl FnOnce(T) -> F) -> InContext<F> {
        let content = self.take();
        let mut stack = self.stack();
        let future = stack.run(|| f(content));
        InContext::new(stack, future)
    }

    /// An envelope with what `f` makes of what is inside, and with the same context. `f` runs in
    /// the context of the sender; what it sets is not sent.
    ///
    /// # Examples
    /// ```
    /// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
    /// let sent = USER.sync_scope("ada", || stackholm::Envelope::new(7));
    /// let told = sent.map(|n| format!("{n} from {}", USER.get()));
    /// assert_eq!(told.into_inner(), "7 from ada");
    /// ```
    pub fn map<U>(mut self, f: impl FnOnce(T) -> U) -> Envelope<U> {
        let content = self.take();
        let hop = mem::replace(&mut self.hop, Hop::untouched());
        let content = hop.run(|| f(content));
        Envelope { hop, content: Some(content) }
    }

    /// What is inside, without its context.
    pub fn into_inner(self) -> T {
        self.into_parts().0
    }

    /// What is inside, and the context of the sender.
    pub fn into_parts(mut self) -> (T, Context) {
        (self.take(), mem::replace(&mut self.hop, Hop::untouched()).into_context())
    }

    /// What is inside.
    pub fn get_ref(&self) -> &T {
        self.content.as_ref().expect("is there until it is opened")
    }

    /// The context of the sender.
    pub fn context(&self) -> &Context {
        self.hop.context()
    }

    fn take(&mut self) -> T {
        self.content.take().expect("is opened once")
    }

    fn stack(&mut self) -> Stack {
        mem::replace(&mut self.hop, Hop::untouched()).into_stack()
    }
}

impl<R, F: FnOnce() -> R> Envelope<F> {
    /// Calls the closure that is inside, in the context of the sender: [`Context::wrap`] with a
    /// type that has a name.
    ///
    /// # Examples
    /// ```
    /// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
    /// type Job = Box<dyn FnOnce() -> String + Send>;
    ///
    /// struct Queue(Vec<stackholm::Envelope<Job>>);
    ///
    /// let mut queue = Queue(Vec::new());
    /// USER.sync_scope("ada", || queue.0.push(stackholm::Envelope::new(Box::new(|| USER.get().to_uppercase()))));
    /// assert_eq!(queue.0.pop().unwrap().call(), "ADA");
    /// ```
    pub fn call(self) -> R {
        self.open(|f| f())
    }

    /// A closure that opens the envelope and calls the closure inside.
    #[cfg(feature = "std")]
    pub(crate) fn into_job(self) -> impl FnOnce() -> R {
        move || self.call()
    }
}

/// Dropped unopened: what is inside is dropped in the context of the sender.
impl<T> Drop for Envelope<T> {
    fn drop(&mut self) {
        if let Some(content) = self.content.take() {
            self.stack().run(|| drop(content));
        }
    }
}

/// Shows neither what is inside nor a value of the context.
impl<T> fmt::Debug for Envelope<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("context", self.hop.context()).finish_non_exhaustive()
    }
}
