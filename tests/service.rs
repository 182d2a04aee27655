//! The service example, small and in one process: what it promises, and that its checks notice what is wrong.

#[path = "../examples/service/main.rs"]
#[expect(dead_code, reason = "the program's own entry is not called")]
mod service;

use clap::Parser as _;
use service::chaos::Chaos;
use service::fate;
use service::options::Options;
use service::verdict::Verdict;

fn run(arguments: &[&str]) -> Verdict {
    fate::expect_ordered_panics();
    let small = ["service", "--requests", "240", "--rounds", "2", "--concurrency", "8"];
    service::run(&Options::parse_from(small.iter().chain(arguments).copied())).expect("the loopback is there")
}

#[test]
fn every_request_keeps_its_values_and_leaves_none() {
    let verdict = run(&[]);
    assert_eq!(verdict.faults(), Vec::<String>::new());
}

#[test]
fn requests_end_in_every_way_with_every_way_of_carrying() {
    let verdict = run(&["--seed", "2"]);
    for tally in verdict.tallies() {
        assert!(tally.answered > 0 && tally.cancelled > 0 && tally.panicked > 0, "{tally:?}");
        assert_eq!((tally.requests(), tally.failed), (80, 0));
    }
}

#[test]
fn one_seed_makes_the_same_requests_for_all() {
    let verdict = run(&["--seed", "3"]);
    let ends: Vec<_> = verdict.tallies().map(|tally| (tally.answered, tally.cancelled, tally.panicked)).collect();
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[test]
fn a_wrong_value_is_reported_with_its_request_and_hop() {
    let faults = run(&["--plant-fault", "wrong"]).faults();
    // The task looks twice, and the one that it spawns inherits once.
    assert_eq!(faults[0], "with contexts: 3 wrong values; the first of them:");
    let line = r#"  request "r-000010" at hop `task`: the variable `tenant` was "somebody else", should be "tenant-"#;
    assert!(faults[1].starts_with(line), "{faults:#?}");
}

#[test]
fn a_forgotten_spawn_is_reported_for_all_ten_variables() {
    let faults = run(&["--plant-fault", "lost"]).faults();
    let line = r#"  request "r-000010" at hop `task`: the variable `request_id` was not bound, should be "r-000010""#;
    assert!(faults.iter().any(|fault| fault == line), "{faults:#?}");
    assert!(faults.iter().any(|fault| fault.contains("`stage`")), "{faults:#?}");
}

#[test]
fn a_context_that_is_never_let_go_is_reported() {
    let faults = run(&["--plant-fault", "leak"]).faults();
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].ends_with("values are alive after the shutdown"), "{faults:#?}");
}

#[test]
fn a_service_shut_down_in_a_storm_leaves_nothing() {
    fate::expect_ordered_panics();
    // The time says how much happens before the end, and nothing more.
    let options = Options::parse_from(["service", "--chaos", "--seconds", "1", "--concurrency", "8"]);
    let aftermath = Chaos::new(&options).and_then(Chaos::run).expect("the loopback is there");
    assert_eq!(aftermath.faults(), Vec::<String>::new());
}

#[test]
fn a_planted_fault_makes_the_program_fail() {
    let failure = std::process::ExitCode::FAILURE;
    let code = service::judge(&run(&["--plant-fault", "wrong"]).faults());
    assert_eq!(format!("{code:?}"), format!("{failure:?}"));
    let code = service::judge(&run(&[]).faults());
    assert_ne!(format!("{code:?}"), format!("{failure:?}"));
}
