//! Spans used as a context: tracing with its fields read back by a layer, and fastrace, which reads
//! none back.

use crate::system::{Ask, Boxed, System, value};
use fastrace::prelude::{LocalSpan, Span as Fast, SpanContext};
use std::future::Future;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Instrument as _, Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// What a span says, kept where a layer keeps things.
#[derive(Default)]
struct Fields {
    number: u64,
    value: u64,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "number" => self.number = value,
            _ => self.value = value,
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

struct Keep;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keep {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).expect("is new").extensions_mut().insert(fields);
    }
}

fn span(number: usize, value: u64) -> Span {
    tracing::info_span!("bind", number = number as u64, value)
}

pub struct Tracing;

impl System for Tracing {
    const NAME: &'static str = "tracing";
    const LEAVES_OUT: &'static str = "a span is one handle, whatever it says";
    type State = ();
    type Snapshot = Span;

    fn prepare() {
        tracing::subscriber::set_global_default(Registry::default().with(Keep))
            .expect("is the first");
    }

    fn offers(_: Ask) -> Result<(), &'static str> {
        Ok(())
    }

    fn begin(work: &mut dyn FnMut(&())) {
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        span(N, value).in_scope(|| work(state))
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        span(number, value(number)).in_scope(|| work(state));
    }

    #[inline(always)]
    fn read<const N: usize>(_: &()) -> Option<u64> {
        tracing::dispatcher::get_default(|dispatch| {
            let registry = dispatch.downcast_ref::<Registry>()?;
            let current = registry.current_span();
            registry.span(current.id()?)?.scope().find_map(|span| {
                let extensions = span.extensions();
                let fields = extensions.get::<Fields>()?;
                (fields.number == N as u64).then_some(fields.value)
            })
        })
    }

    fn capture(_: &(), _: usize) -> Span {
        Span::current()
    }

    fn copy(span: &Span) -> Option<Span> {
        Some(span.clone())
    }

    fn within<R>(span: Span, work: impl FnOnce(&()) -> R) -> R {
        span.in_scope(|| work(&()))
    }

    fn wrap<F>(_: &(), _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(future.in_current_span())
    }
}

struct Nowhere;

impl fastrace::collector::Reporter for Nowhere {
    fn report(&mut self, _: Vec<fastrace::collector::SpanRecord>) {}
}

pub struct Fastrace;

fn local(value: u64) -> LocalSpan {
    LocalSpan::enter_with_local_parent("bind").with_property(|| ("value", value.to_string()))
}

impl System for Fastrace {
    const NAME: &'static str = "fastrace";
    const LEAVES_OUT: &'static str = "only writes: nothing can be read back";
    type State = ();
    type Snapshot = Fast;

    fn prepare() {
        fastrace::set_reporter(Nowhere, fastrace::collector::Config::default());
    }

    fn offers(ask: Ask) -> Result<(), &'static str> {
        match ask {
            Ask::Read | Ask::Absent => Err("values cannot be read back"),
            Ask::Copy | Ask::Share => Err("a span cannot be cloned"),
            Ask::Generations => Err("collects every span until the root ends"),
            _ => Ok(()),
        }
    }

    fn begin(work: &mut dyn FnMut(&())) {
        let root = Fast::root("root", SpanContext::random());
        let _local = root.set_local_parent();
        work(&());
    }

    #[inline(always)]
    fn scope<const N: usize, R>(state: &(), value: u64, work: impl FnOnce(&()) -> R) -> R {
        let _span = local(value);
        work(state)
    }

    fn scope_at(state: &(), number: usize, work: &mut dyn FnMut(&())) {
        let _span = local(value(number));
        work(state);
    }

    fn read<const N: usize>(_: &()) -> Option<u64> {
        None
    }

    fn capture(_: &(), _: usize) -> Fast {
        Fast::enter_with_local_parent("hand over")
    }

    fn within<R>(span: Fast, work: impl FnOnce(&()) -> R) -> R {
        let _local = span.set_local_parent();
        work(&())
    }

    fn wrap<F>(_: &(), _: usize, future: F) -> Boxed<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Box::pin(fastrace::future::FutureExt::in_span(
            future,
            Fast::enter_with_local_parent("hand over"),
        ))
    }
}
