//! stackholm.

use crate::system::{Ask, Boxed, System, value};
use stackholm::{Context, ContextExt as _, Var};
use stackholm_benches::bound::{self, VARS};
use std::future::Future;

static DEFAULTED: Var<u64> = Var::with_default("defaulted", || 7);

pub struct Stackholm;

impl System for Stackholm {
    const NAME: &'static str = "stackholm";
    const LEAVES_OUT: &'static str = "";
    type State = ();
    type Snapshot = Context;

    fn prepare() {
        bound::touch();
    }

    fn offers(_: Ask) -> Result<(), &'static str> {
        Ok(())
    }

    fn begin(work: &mut dyn FnMut(&())) {
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        VARS[N].sync_scope(value, || work(state))
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        VARS[number].sync_scope(value(number), || work(state));
    }

    #[inline(always)]
    fn read<const N: usize>(_: &()) -> Option<u64> {
        VARS[N].try_with(|number| *number).ok()
    }

    #[inline(always)]
    fn read_default(_: &()) -> u64 {
        DEFAULTED.with(|number| *number)
    }

    fn capture(_: &(), _: usize) -> Context {
        Context::current()
    }

    fn copy(context: &Context) -> Option<Context> {
        Some(context.clone())
    }

    #[inline(always)]
    fn within<R>(context: Context, work: impl FnOnce(&()) -> R) -> R {
        context.run(|| work(&()))
    }

    fn wrap<F>(_: &(), _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(future.in_current_context())
    }
}
