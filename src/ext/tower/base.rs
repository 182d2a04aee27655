//! What all requests begin with, and how the stack of one is made from it.

use crate::cell::ContextCell;
use crate::context::Context;
use crate::stack::Stack;
use crate::sys::Arc;

/// What all requests of a service begin with; asked once for each, when it is called.
///
/// | base | each request begins with |
/// |---|---|
/// | [`Context`] | this: [`Context::empty`], or [`Context::current`] of where the layer is made |
/// | [`ContextCell`], by reference or in an [`Arc`](std::sync::Arc) | what is in the cell when the request comes |
/// | [`Caller`] | what is visible where the service is called |
///
/// # Examples
/// A base that is made anew for each request:
/// ```
/// use stackholm::tower::{Base, PlainLayer};
/// use stackholm::{Context, Var};
///
/// static STARTED: Var<std::time::Instant> = Var::new("started");
///
/// #[derive(Clone)]
/// struct Stamped;
///
/// impl Base for Stamped {
///     fn context(&self) -> Context {
///         Context::empty().with(&STARTED, std::time::Instant::now())
///     }
/// }
///
/// let layer = PlainLayer::new(|_: &String, base| base).on(Stamped);
/// ```
pub trait Base {
    /// What the next request begins with. Asked once for each.
    fn context(&self) -> Context;

    /// The context in which `poll_ready` runs, which belongs to no request. The default is the
    /// empty one. It may be asked for any number of times for one request.
    ///
    /// The bases of this crate give the same as for a request.
    fn readiness(&self) -> Context {
        Context::empty()
    }
}

impl Base for Context {
    fn context(&self) -> Context {
        self.clone()
    }

    fn readiness(&self) -> Context {
        self.clone()
    }
}

impl Base for ContextCell {
    fn context(&self) -> Context {
        self.load()
    }

    fn readiness(&self) -> Context {
        self.load()
    }
}

impl<B: Base + ?Sized> Base for &B {
    fn context(&self) -> Context {
        (**self).context()
    }

    fn readiness(&self) -> Context {
        (**self).readiness()
    }
}

impl<B: Base + ?Sized> Base for Arc<B> {
    fn context(&self) -> Context {
        (**self).context()
    }

    fn readiness(&self) -> Context {
        (**self).readiness()
    }
}

/// The base of a layer within another: what is visible where the service is called, except for
/// bindings of short reach.
///
/// For the outermost layer of a server that is the stack of the connection's task, or of the task
/// that the executor makes for a request of HTTP/2; see the executors of feature `hyper`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller;

impl Base for Caller {
    fn context(&self) -> Context {
        Context::current()
    }

    fn readiness(&self) -> Context {
        Context::current()
    }
}

/// What a request sees, of the request and the base: any `Fn(&Q, Context) -> Context`, or
/// [`BaseOnly`].
///
/// Implement it for a type of your own if the function needs a name, as in the type of a field.
pub trait RequestContext<Q> {
    /// The context of `request`. Runs in the base.
    fn of(&self, request: &Q, base: Context) -> Context;
}

impl<Q, F: Fn(&Q, Context) -> Context> RequestContext<Q> for F {
    fn of(&self, request: &Q, base: Context) -> Context {
        self(request, base)
    }
}

/// Binds nothing: a request sees the base.
#[derive(Clone, Copy, Debug, Default)]
pub struct BaseOnly;

impl<Q> RequestContext<Q> for BaseOnly {
    fn of(&self, _: &Q, base: Context) -> Context {
        base
    }
}

/// The stack of a request: the base, and what `bind` adds to it. `bind` itself runs in the base.
pub(super) fn stack<Q>(base: &impl Base, bind: &impl RequestContext<Q>, request: &Q) -> Stack {
    let base = base.context();
    Stack::on(Stack::on(base.clone()).run(|| bind.of(request, base)))
}
