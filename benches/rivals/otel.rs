//! OpenTelemetry's `Context`: a type for each value, `with_value` and `attach`.

use crate::system::{Ask, Boxed, System};
use opentelemetry::{Context, context::FutureExt as _};
use stackholm_benches::bound::{self, Number};
use std::future::Future;

pub struct OpenTelemetry;

impl System for OpenTelemetry {
    const NAME: &'static str = "opentelemetry";
    const LEAVES_OUT: &'static str =
        "one hash map in an `Arc`: cheap to pass on, copied whole by each change";
    type State = ();
    type Snapshot = Context;

    fn offers(_: Ask) -> Result<(), &'static str> {
        Ok(())
    }

    fn begin(work: &mut dyn FnMut(&())) {
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        let _attached =
            Context::map_current(|context| context.with_value(Number::<N>(value))).attach();
        work(state)
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        let _attached = bound::otel_at(number);
        work(state);
    }

    #[inline(always)]
    fn read<const N: usize>(_: &()) -> Option<u64> {
        Context::map_current(|context| context.get::<Number<N>>().map(|number| number.0))
    }

    fn capture(_: &(), _: usize) -> Context {
        Context::current()
    }

    fn copy(context: &Context) -> Option<Context> {
        Some(context.clone())
    }

    #[inline(always)]
    fn within<R>(context: Context, work: impl FnOnce(&()) -> R) -> R {
        let _attached = context.attach();
        work(&())
    }

    fn wrap<F>(_: &(), _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(future.with_context(Context::current()))
    }
}
