//! The service example, small and in one process: what it promises, and that its checks notice
//! faults.

#[path = "common/alone.rs"]
mod alone;
#[path = "../examples/service/main.rs"]
#[expect(dead_code, reason = "the program's own entry is not called")]
mod service;

use alone::is_alone;
use clap::{Parser as _, ValueEnum as _};
use service::oracle::hop::{Hop, Sight};
use service::oracle::scenario::{self, Fault};
use service::runs::chaos::Chaos;
use service::runs::options::Options;
use service::runs::report::Report;
use service::runs::two_processes::{SplitReport, split};
use service::split::process::Where;
use service::split::spoil::WireFault;
use std::process::ExitCode;

fn run(arguments: &[&str]) -> Report {
    scenario::expect_ordered_panics();
    let small = ["service", "--rounds", "2", "--concurrency", "8"];
    service::run(&Options::parse_from(small.iter().chain(arguments).copied()))
        .expect("the loopback is there")
}

/// What a run of a few requests finds wrong if the first of them meets `fault` at `hop`.
fn faults(fault: &str, hop: Hop) -> Vec<String> {
    run(&["--requests", "3", "--plant-fault", &format!("{fault}-at-{hop}")]).faults()
}

#[test]
fn every_request_keeps_its_values_at_every_hop_and_leaves_none() {
    let report = run(&["--requests", "240"]);
    assert_eq!(report.faults(), Vec::<String>::new());
    let outcomes = &report.verification.expect("is asked for").outcomes;
    assert!(
        outcomes.answered > 0 && outcomes.cancelled > 0 && outcomes.panicked > 0,
        "{outcomes:?}"
    );
    assert_eq!((outcomes.requests(), outcomes.failed), (240, 0));
}

#[test]
fn what_a_run_prints_fits_a_terminal_of_100_columns() {
    let shown = run(&["--requests", "210"]).to_string();
    let wide: Vec<_> = shown.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty() && shown.lines().count() > 50, "{wide:#?}\n{shown}");
}

#[test]
fn each_way_of_carrying_answers_the_same_requests() {
    let report = run(&["--requests", "210", "--compare"]);
    assert!(report.verification.is_none());
    assert_eq!(report.faults(), Vec::<String>::new());
    let comparison = report.comparison.expect("is asked for");
    let ends: Vec<_> =
        comparison.outcomes().map(|outcomes| (outcomes.answered, outcomes.requests())).collect();
    assert_eq!(ends, [(30, 30); 7]);
}

#[test]
fn a_wrong_value_is_reported_with_its_request_wherever_it_shows() {
    for hop in Hop::seeing() {
        let faults = faults("wrong", hop);
        let line = format!(
            "  request \"r-000000\" at hop `{hop}`: the variable `tenant` was \"somebody else\", should be "
        );
        assert!(faults[0].ends_with("wrong values; the first of them:"), "{hop}: {faults:#?}");
        assert!(faults.iter().any(|fault| fault.starts_with(&line)), "{hop}: {faults:#?}");
    }
}

#[test]
fn a_forgotten_hand_over_is_reported_for_all_variables_at_every_hop() {
    for hop in Hop::seeing().filter(|hop| ![Hop::Layer, Hop::Extractor].contains(hop)) {
        let faults = faults("lost", hop);
        let wrong = faults[0].split_once(' ').and_then(|(count, _)| count.parse().ok());
        assert!(wrong >= Some(11), "{hop}: {faults:#?}");
        let here = format!("  request \"r-000000\" at hop `{hop}`: the variable `");
        assert!(
            faults[1].starts_with(&here) && faults[1].contains("was not bound, should be "),
            "{hop}: {faults:#?}"
        );
    }
    let faults = faults("lost", Hop::Task);
    let carried = [
        "request_id",
        "tenant",
        "user",
        "session",
        "locale",
        "region",
        "trace",
        "priority",
        "deadline",
        "origin",
    ];
    for name in carried.into_iter().chain(["stage"]) {
        let line = format!(
            "  request \"r-000000\" at hop `task`: the variable `{name}` was not bound, should be "
        );
        assert!(faults.iter().any(|fault| fault.starts_with(&line)), "{name}: {faults:#?}");
    }
}

#[test]
fn each_line_that_is_logged_has_the_id_of_its_request_at_every_hop() {
    let report = run(&["--requests", "240"]);
    assert_eq!(report.faults(), Vec::<String>::new());
    let shown = report.to_string();
    let line =
        shown.lines().find(|line| line.contains(" lines logged, through log and through tr"));
    let count = line.and_then(|line| line.split(" lines").next()).expect("it says so");
    let count: u64 = count.replace(' ', "").parse().expect("a number");
    let answered = report.verification.expect("is asked for").outcomes.answered;
    assert!(count >= answered * u64::from(Hop::LOOKS) * 2, "{shown}");
    // Where the context is lost, so is the id, in the line of each.
    for hop in Hop::seeing().filter(|hop| ![Hop::Layer, Hop::Extractor].contains(hop)) {
        let faults = faults("lost", hop);
        if hop.looks() > 1 {
            continue; // The values of the first look fill the report.
        }
        for sink in ["log", "tracing"] {
            let line = format!(
                "at hop `{hop}`: the variable `request_id, in a line of {sink}` was not bound, should be \"r-000000\""
            );
            assert!(faults.iter().any(|fault| fault.contains(&line)), "{hop}: {faults:#?}");
        }
    }
}

#[test]
fn a_layer_that_binds_nothing_and_arguments_of_nobody_are_reported() {
    for hop in [Hop::Layer, Hop::Extractor] {
        assert!(!faults("lost", hop).is_empty(), "{hop}");
    }
}

#[test]
fn what_is_carried_though_it_should_not_be_is_reported() {
    for hop in Hop::ALL.into_iter().filter(|hop| hop.sight() == Sight::Nothing) {
        for fault in ["wrong", "lost"] {
            let faults = faults(fault, hop);
            assert!(
                faults.iter().any(|fault| fault.contains(&format!("`{hop}`"))),
                "{hop}: {faults:#?}"
            );
            assert!(
                faults.iter().any(|fault| fault.contains("should not be bound")),
                "{hop}: {faults:#?}"
            );
        }
    }
}

#[test]
fn a_context_that_is_never_let_go_is_reported_with_its_variables_wherever_it_was_taken() {
    // The view of what is left is that of the process.
    if !is_alone(
        "a_context_that_is_never_let_go_is_reported_with_its_variables_wherever_it_was_taken",
    ) {
        return;
    }
    for hop in Hop::ALL {
        let faults = faults("leak", hop);
        let (count, variables) =
            faults[0].split_once(" values are alive after the shutdown:\n  ").expect("it says so");
        assert!(count.parse::<u32>().is_ok_and(|count| count > 0), "{hop}: {faults:#?}");
        assert!(variables.split(", ").any(|one| one == "tenant"), "{hop}: {faults:#?}");
        let number = |start: &str, then: &str| {
            let is_it = |line: &&String| line.starts_with(start) && line.contains(then);
            faults[1..].iter().filter(is_it).count()
        };
        // What is forgotten is a context that was captured at the hop, with one more binding.
        let made = number("never let go: a context made with `tenant` at ", "oracle/faults.rs:");
        // The layer binds what comes with the request.
        let given =
            number("never let go: a context made with `session` at ", "oracle/variables.rs:");
        // And each hop behind it its own name.
        let bound = number("kept though left: `stage` bound at ", ".rs:");
        let captured = number("kept though left: `stage` bound at ", ", captured at ");
        assert_eq!(bound, captured, "{hop}: {faults:#?}");
        let has_stage = ![Hop::Arrival, Hop::Layer, Hop::Extractor].contains(&hop);
        let expected = [1, usize::from(hop != Hop::Arrival), usize::from(has_stage)];
        assert_eq!([made, given, bound], expected, "{hop}: {faults:#?}");
    }
}

#[test]
fn a_service_shut_down_in_a_storm_leaves_nothing() {
    scenario::expect_ordered_panics();
    let options =
        Options::parse_from(["service", "--chaos", "--requests", "600", "--concurrency", "16"]);
    let report = Chaos::new(&options).and_then(Chaos::run).expect("the loopback is there");
    assert_eq!(report.faults(), Vec::<String>::new());
}

#[test]
fn every_fault_makes_the_program_fail_and_none_lets_it_succeed() {
    let is_failure = |code: ExitCode| format!("{code:?}") == format!("{:?}", ExitCode::FAILURE);
    for fault in Fault::ALL {
        assert!(is_failure(service::judge(&faults(&fault.to_string(), Hop::Join))));
    }
    assert!(!is_failure(service::judge(&run(&["--requests", "24"]).faults())));
}

/// A front and a back, here in one process; `--split` itself makes two.
fn front_and_back(arguments: &[&str]) -> SplitReport {
    let small = ["service", "--split", "--concurrency", "8"];
    split(&Options::parse_from(small.iter().chain(arguments).copied()), Where::Here)
        .expect("the loopback is there")
}

#[test]
fn a_front_and_a_back_see_what_was_sent_and_keep_to_the_deadlines() {
    let report = front_and_back(&["--requests", "320"]);
    assert_eq!(report.faults(), Vec::<String>::new());
    let ends = &report.ends;
    assert_eq!((ends.requests(), ends.failed), (320, 0));
    assert_eq!((ends.answered, ends.kept, ends.not_sent), (240, 40, 40));
    let wide = report.to_string().lines().any(|line| line.chars().count() > 100);
    assert!(!wide, "{report}");
}

#[test]
fn a_back_that_is_slow_dies_or_answers_with_garbage_spoils_no_other_request() {
    let report = front_and_back(&["--chaos", "--requests", "800"]);
    assert_eq!(report.faults(), Vec::<String>::new());
    let ends = &report.ends;
    assert_eq!((ends.requests(), ends.failed), (800, 0));
    assert!(report.killed > 0 && ends.refused > 0 && ends.kept > 0, "{report}");
}

#[test]
fn every_fault_at_the_wire_is_noticed_by_http_and_by_grpc() {
    for fault in WireFault::value_variants() {
        let name = fault.to_possible_value().expect("each has a name");
        let name = name.get_name();
        let faults = front_and_back(&["--requests", "16", "--plant-wire-fault", name]).faults();
        let say = |words: &str| faults.iter().any(|line| line.contains(words));
        let is_noticed = match fault {
            WireFault::Believed => say("the front, from anyone: `tenant`"),
            WireFault::Overdue => say("request 6, to NothingLeft") && say("request 7, to Nothing"),
            WireFault::Answer => say("request 0, the front, what the") && say("request 1, the fr"),
            WireFault::Leak => say(" values are alive after the shutdown of the backs"),
            _ => say("the back, by HTTP: `") && say("the back, by gRPC: `"),
        };
        assert!(is_noticed, "{name}: {faults:#?}");
    }
}
