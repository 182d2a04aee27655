//! Ten variables to another process and from it: as members of baggage, or as headers of their own.

use crate::work::Column;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::{Context as Otel, KeyValue};
use opentelemetry_sdk::propagation::BaggagePropagator;
use stackholm::wire::{self, Peer, Text, Wire};
use stackholm::{Context, Var};
use stackholm_benches::table::Table;
use std::collections::HashMap;
use std::hint::black_box;

/// What all of them write to and read from.
type Headers = HashMap<String, String>;

static VARS: [Var<String>; 10] = [const { Var::new("value") }; 10];
static NAMES: [&str; 10] = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"];

const MEMBERS: &str = "stackholm Wire, members of baggage";
const OWN: &str = "stackholm Wire, headers of their own";
const OTEL: &str = "opentelemetry_sdk BaggagePropagator";
const BY_HAND: &str = "by hand, ten headers";
const FEWER: &str =
    "one line alone is read; nobody is told what was dropped; whoever sends is believed";
const NONE: &str = "no limits, no trust, no encoding, no counts";

fn text(at: usize) -> String {
    format!("value-{at:04}")
}

fn context() -> Context {
    let bound = VARS.iter().enumerate();
    bound.fold(Context::empty(), |context, (at, var)| context.with(var, text(at)))
}

fn wire(is_baggage: bool) -> Wire {
    let listed = NAMES.iter().zip(&VARS);
    let wire = listed.fold(Wire::builder(), |wire, (name, var)| {
        let place = if is_baggage { wire::baggage } else { wire::header };
        wire.list(place(name, var, Text))
    });
    wire.build().expect("it is well-formed")
}

fn otel() -> Otel {
    let entries = NAMES.iter().enumerate().map(|(at, name)| KeyValue::new(*name, text(at)));
    Otel::new().with_baggage(entries)
}

fn by_hand(values: &[String; 10], headers: &mut Headers) {
    for (name, value) in NAMES.iter().zip(values) {
        headers.insert((*name).to_owned(), value.clone());
    }
}

fn read_by_hand(headers: &Headers) -> [Option<String>; 10] {
    NAMES.map(|name| headers.get(name).cloned())
}

/// The headers that each writes.
fn written(write: impl FnOnce(&mut Headers)) -> Headers {
    let mut headers = Headers::new();
    write(&mut headers);
    headers
}

pub fn crossing() -> Table {
    let title = "Ten variables to another process: write, read, and read a request without them";
    let mut table = Table::new(title, "ns");
    table.column("inject 10", inject().run());
    table.column("extract 10", extract(true).run());
    table.column("extract none", extract(false).run());
    table
}

fn inject() -> Column {
    let mut column = Column::new();
    for (name, is_baggage, lines) in [(MEMBERS, true, 1), (OWN, false, 10)] {
        column.also(name, "", move |batch| {
            let (wire, context) = (wire(is_baggage), context());
            batch.time(lines, || {
                let sent = |headers: &mut Headers| {
                    let _ =
                        wire.inject(black_box(&context), headers).expect("there is no deadline");
                };
                black_box(written(sent)).len() as u64
            });
        });
    }
    column.also(OTEL, FEWER, |batch| {
        let (propagator, context) = (BaggagePropagator::new(), otel());
        batch.time(1, || {
            let sent =
                |headers: &mut Headers| propagator.inject_context(black_box(&context), headers);
            black_box(written(sent)).len() as u64
        });
    });
    column.also(BY_HAND, NONE, |batch| {
        let values: [String; 10] = std::array::from_fn(text);
        batch.time(10, || {
            black_box(written(|headers| by_hand(black_box(&values), headers))).len() as u64
        });
    });
    column
}

/// A turn gives the length of one of the values, or nothing.
fn extract(is_there: bool) -> Column {
    let mut column = Column::new();
    let expected = if is_there { text(3).len() as u64 } else { 0 };
    let length = |value: Option<&str>| value.map_or(0, str::len) as u64;
    let headers = move |write: &dyn Fn(&mut Headers)| {
        if is_there { written(write) } else { Headers::new() }
    };
    for (name, is_baggage) in [(MEMBERS, true), (OWN, false)] {
        column.also(name, "", move |batch| {
            let wire = wire(is_baggage);
            let headers = headers(&|headers| {
                let _ = wire.inject(&context(), headers).expect("there is no deadline");
            });
            batch.time(expected, || {
                let received = wire.extract(black_box(&headers), Peer::Trusted);
                length(received.context().get(&VARS[3]).map(String::as_str))
            });
        });
    }
    column.also(OTEL, FEWER, move |batch| {
        let propagator = BaggagePropagator::new();
        let headers = headers(&|headers| propagator.inject_context(&otel(), headers));
        batch.time(expected, || {
            let context = propagator.extract_with_context(&Otel::new(), black_box(&headers));
            length(context.baggage().get("k3").map(|value| value.as_str()))
        });
    });
    column.also(BY_HAND, NONE, move |batch| {
        let headers = headers(&|headers| by_hand(&std::array::from_fn(text), headers));
        batch.time(expected, || {
            let values = black_box(read_by_hand(black_box(&headers)));
            length(values[3].as_deref())
        });
    });
    column
}
