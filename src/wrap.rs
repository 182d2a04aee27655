//! Closures that are made here and called elsewhere, each call in a context and on a stack of its
//! own.
//!
//! The closures that these methods return have types without a name. To keep one in a field, use a
//! `Box<dyn Fn…>`, a type parameter, or an [`Envelope`](crate::Envelope).

use crate::context::Context;
use crate::future::InContext;
use crate::hop::Hop;

/// Closures that are made here and called elsewhere.
impl Context {
    /// A closure that calls `f` inside this context, once, on a stack of its own: it neither sees
    /// nor changes what is bound where it is called. It allocates only if companions are
    /// registered.
    ///
    /// | called | without arguments | with one |
    /// |---|---|---|
    /// | once | `wrap` | [`wrap_with`](Self::wrap_with) |
    /// | again and again | [`wrap_mut`](Self::wrap_mut) | [`wrap_mut_with`](Self::wrap_mut_with) |
    /// | from several threads too | [`wrap_fn`](Self::wrap_fn) | [`wrap_fn_with`](Self::wrap_fn_with) |
    /// | and awaited | | [`wrap_async`](Self::wrap_async) |
    ///
    /// With more arguments, or borrowed ones of any lifetime, the closure is written by hand around
    /// [`run`](Self::run): `move |event: &Event| context.run(|| on(event))`.
    #[track_caller]
    pub fn wrap<R>(self, f: impl FnOnce() -> R) -> impl FnOnce() -> R {
        Hop::with(self).wrap(f)
    }

    /// As [`wrap`](Self::wrap), for a closure that is called again and again, each time on a new
    /// stack.
    #[track_caller]
    pub fn wrap_mut<R>(self, mut f: impl FnMut() -> R) -> impl FnMut() -> R {
        let hop = Hop::with(self);
        move || hop.run(&mut f)
    }

    /// As [`wrap_mut`](Self::wrap_mut), from several threads at once if need be.
    #[track_caller]
    pub fn wrap_fn<R>(self, f: impl Fn() -> R) -> impl Fn() -> R {
        let hop = Hop::with(self);
        move || hop.run(&f)
    }

    /// As [`wrap`](Self::wrap), for a closure with an argument; a tuple stands for several.
    #[track_caller]
    pub fn wrap_with<A, R>(self, f: impl FnOnce(A) -> R) -> impl FnOnce(A) -> R {
        let hop = Hop::with(self);
        move |argument| hop.into_stack().run(|| f(argument))
    }

    /// As [`wrap_mut`](Self::wrap_mut), for a closure with an argument.
    #[track_caller]
    pub fn wrap_mut_with<A, R>(self, mut f: impl FnMut(A) -> R) -> impl FnMut(A) -> R {
        let hop = Hop::with(self);
        move |argument| hop.run(|| f(argument))
    }

    /// As [`wrap_fn`](Self::wrap_fn), for a closure with an argument.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Var};
    ///
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// let on_line: Box<dyn Fn(&str) -> String> = USER.sync_scope("ada", || {
    ///     let context = Context::current();
    ///     Box::new(move |line: &str| context.run(|| format!("{}: {line}", USER.get())))
    /// });
    /// let on_number = USER.sync_scope("ada", || {
    ///     Context::current().wrap_fn_with(|number: u32| format!("{}: {number}", USER.get()))
    /// });
    /// assert_eq!((on_line("hello"), on_number(7)), ("ada: hello".into(), "ada: 7".into()));
    /// ```
    #[track_caller]
    pub fn wrap_fn_with<A, R>(self, f: impl Fn(A) -> R) -> impl Fn(A) -> R {
        let hop = Hop::with(self);
        move |argument| hop.run(|| f(argument))
    }

    /// As [`wrap_fn_with`](Self::wrap_fn_with), for an async closure or a function that returns a
    /// future. The future goes on with the stack of the call that made it.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Var};
    ///
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let on_request = USER.sync_scope("ada", || {
    ///     Context::current().wrap_async(async |path: String| format!("{} asks for {path}", USER.get()))
    /// });
    /// assert_eq!(on_request("/".into()).await, "ada asks for /");
    /// # }
    /// ```
    #[track_caller]
    pub fn wrap_async<A, F: Future>(self, f: impl Fn(A) -> F) -> impl Fn(A) -> InContext<F> {
        let hop = Hop::with(self);
        move |argument| {
            let mut stack = hop.clone().into_stack();
            let future = stack.run(|| f(argument));
            InContext::new(stack, future)
        }
    }
}
