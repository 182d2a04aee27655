//! The deadline over the wire.

use super::rejected;
use stackholm::deadline::{self, DEADLINE};
use stackholm::wire::{Peer, Reason, Timeout, Wire};
use stackholm::{Context, Var};
use std::collections::HashMap;
use std::time::Duration;

static USER: Var<&str> = Var::new("user");

fn wire() -> Wire {
    Wire::builder().timeout(Timeout::grpc().ceiling(Duration::from_secs(30))).build().unwrap()
}

fn left(context: &Context) -> Duration {
    context.get(&DEADLINE).expect("there is a deadline").remaining()
}

fn within(seconds: f64, context: &Context) -> bool {
    let left = left(context).as_secs_f64();
    left <= seconds && left > seconds - 5.0
}

#[test]
fn a_server_takes_the_smaller_of_the_callers_time_and_its_ceiling() {
    for (line, seconds) in [
        ("1S", 1.0),
        ("99999999n", 0.1),
        ("20000m", 20.0),
        ("9000000u", 9.0),
        ("1M", 30.0),
        ("99999999H", 30.0),
        ("0S", 0.0),
    ] {
        let received = wire().extract(&vec![("grpc-timeout", line)], Peer::Unknown);
        assert_eq!(received.rejected(), [], "{line}");
        assert!(within(seconds, received.context()), "{line}: {:?}", left(received.context()));
    }
}

#[test]
fn what_is_no_grpc_timeout_is_counted_and_the_ceiling_applies() {
    for line in [
        "100000000S",
        "-1S",
        "1",
        "S",
        "1s",
        " 1S",
        "1S ",
        "1.5S",
        "",
        "+1S",
        "1SS",
        "0x1S",
        "1\u{b5}",
    ] {
        let received = wire().extract(&vec![("grpc-timeout", line)], Peer::Unknown);
        assert_eq!(rejected(&received), [("grpc-timeout", Reason::Malformed, 1)], "{line:?}");
        assert!(within(30.0, received.context()), "{line:?}");
    }
    let two = vec![("grpc-timeout", "1S"), ("grpc-timeout", "1S")];
    let received = wire().extract(&two, Peer::Unknown);
    assert_eq!(rejected(&received), [("grpc-timeout", Reason::Repeated, 1)]);
    assert!(within(30.0, received.context()));
    let none = Wire::builder().timeout(Timeout::grpc()).build().unwrap();
    assert!(none.extract(&vec![("grpc-timeout", "x")], Peer::Unknown).context().is_empty());
}

/// The header that is sent under a limit.
fn sent(wire: &Wire, limit: Duration) -> Result<Option<String>, deadline::Expired> {
    let context = deadline::within(limit).run(Context::current);
    let mut headers: HashMap<String, String> = HashMap::new();
    wire.inject(&context, &mut headers)?;
    Ok(headers.remove("grpc-timeout").or_else(|| headers.remove("x-timeout-ms")))
}

#[test]
fn what_is_sent_is_what_is_left_in_the_finest_unit_that_fits_eight_digits() {
    for (seconds, unit) in
        [(0.05, 'n'), (50.0, 'u'), (50_000.0, 'm'), (5e7, 'S'), (5e9, 'M'), (3e11, 'H')]
    {
        let line = sent(&wire(), Duration::from_secs_f64(seconds)).unwrap().unwrap();
        assert!(line.ends_with(unit) && line.len() <= 9, "{seconds}: {line}");
        let number: u64 = line[..line.len() - 1].parse().unwrap();
        assert!(number > 0);
        let long = Wire::builder().timeout(Timeout::grpc()).build().unwrap();
        let received = long.extract(&vec![("grpc-timeout", line)], Peer::Unknown);
        let left = left(received.context()).as_secs_f64();
        assert!(left <= seconds && left > seconds * 0.9 - 2.0, "{seconds}: {left}");
    }
    assert_eq!(sent(&wire(), Duration::MAX), Ok(None), "without a limit nothing is sent");
}

#[test]
fn with_nothing_left_nothing_is_sent_and_the_error_names_the_place() {
    let line = line!() + 1;
    let context = deadline::within(Duration::ZERO).run(|| USER.sync_scope("ada", Context::current));
    let mut headers: HashMap<String, String> = HashMap::new();
    let expired = wire().inject(&context, &mut headers).unwrap_err();
    assert_eq!((expired.place().line(), headers.len()), (line, 0));
    let slack = Timeout::grpc().slack(Duration::from_secs(10));
    let slack = Wire::builder().timeout(slack).build().unwrap();
    assert!(sent(&slack, Duration::from_secs(9)).is_err(), "the slack is for the way back");
    assert!(sent(&slack, Duration::from_secs(60)).is_ok());
}

#[test]
fn a_smaller_limit_that_is_there_stays_and_a_header_of_ones_own_is_in_milliseconds() {
    let context = deadline::within(Duration::from_secs(20)).run(Context::current);
    let mut headers = HashMap::from([(String::from("grpc-timeout"), String::from("1S"))]);
    let _ = wire().inject(&context, &mut headers).unwrap();
    assert_eq!(headers["grpc-timeout"], "1S");
    headers.insert("grpc-timeout".into(), "1H".into());
    let _ = wire().inject(&context, &mut headers).unwrap();
    assert!(headers["grpc-timeout"].ends_with('u'), "{headers:?}");

    let own = Wire::builder().timeout(Timeout::millis("x-timeout-ms")).build().unwrap();
    let line = sent(&own, Duration::from_secs(20)).unwrap().unwrap();
    assert!((15_000..=20_000).contains(&line.parse::<u32>().unwrap()), "{line}");
    assert!(within(2.5, own.extract(&vec![("x-timeout-ms", "2500")], Peer::Unknown).context()));
    assert!(sent(&own, Duration::from_micros(900)).is_err(), "less than a millisecond is none");
}

#[test]
fn a_smaller_deadline_of_the_base_stays_and_says_whose_it_is() {
    let base = deadline::within(Duration::from_secs(1)).named("drain").run(Context::current);
    let received = wire().extract_onto(base.clone(), &vec![("grpc-timeout", "9S")], Peer::Trusted);
    assert_eq!(received.context().get(&DEADLINE), base.get(&DEADLINE));
    let lines = vec![("grpc-timeout", "9S")];
    let theirs = wire().extract(&lines, Peer::Trusted);
    assert_eq!(theirs.context().get(&DEADLINE).unwrap().name(), Some("the caller's"));
}
