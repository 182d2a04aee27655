//! A real HTTP service that keeps the context of each request through every hop, and proves it.
//!
//! ```text
//! cargo run --release --example service               drives itself, and ends with a table
//! cargo run --release --example service -- --serve    stays, for curl
//! cargo run --release --example service -- --chaos    mistreats itself for a minute
//! ```
//!
//! Ten variables come with each request. The handler opens checkpoints, awaits, spawns tasks, uses the blocking
//! pool and threads, and streams its body; at each hop it compares the variables with what the headers said. Some
//! clients go away half-way, some requests panic. In the end nothing may have been wrong and nothing be alive.
//! The same service runs twice more, with its values passed by hand and with none, to see what each costs.
//!
//! Read `contexts.rs` first: it is all that a service needs. `journey.rs` is the handler, `visit.rs` the check.

mod app;
mod block;
mod body;
mod by_hand;
mod carrier;
mod census;
pub(crate) mod chaos;
mod client;
mod contexts;
pub(crate) mod fate;
mod hop;
mod journey;
mod ledger;
mod lobby;
mod memory;
mod nothing;
pub(crate) mod options;
mod plan;
mod processor;
mod race;
mod ratio;
mod server;
mod storm;
pub(crate) mod tally;
mod truth;
mod variables;
pub(crate) mod verdict;
mod visit;

use chaos::Chaos;
use clap::Parser;
use client::Client;
use indicatif::{ProgressBar, ProgressStyle};
use options::Options;
use race::Race;
use server::{Apps, Server, Way};
use std::io;
use std::process::ExitCode;
use verdict::Verdict;

fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    fate::expect_ordered_panics();
    if options.serve {
        return serve().map(|()| ExitCode::SUCCESS);
    }
    if options.chaos {
        let aftermath = Chaos::new(&options)?.run()?;
        println!("{aftermath}");
        return Ok(judge(&aftermath.faults()));
    }
    let verdict = run(&options)?;
    println!("{verdict}");
    Ok(judge(&verdict.faults()))
}

/// Says what was wrong, if anything was.
pub(crate) fn judge(faults: &[String]) -> ExitCode {
    if faults.is_empty() {
        println!("All is well: no value was wrong, no request was lost, nothing is left.");
        return ExitCode::SUCCESS;
    }
    for fault in faults {
        eprintln!("{fault}");
    }
    ExitCode::FAILURE
}

/// Drives the three services, shuts them down, and looks at what is left.
pub(crate) fn run(options: &Options) -> io::Result<Verdict> {
    let apps = Apps::default();
    let server = Server::start(&apps)?;
    let progress = progress(options.requests());
    let lanes = Race::new(options, &apps, Client::new(server.address), &progress)?.run();
    progress.finish_and_clear();
    // Waits for what runs on the blocking pool and drops everything else where it stands.
    drop(server);
    Ok(Verdict::new(lanes, &apps))
}

/// A bar on a terminal, and nothing elsewhere.
fn progress(requests: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} requests, {eta} to go");
    ProgressBar::new(requests).with_style(style.expect("the template is good"))
}

fn serve() -> io::Result<()> {
    let apps = Apps::default();
    let server = Server::start(&apps)?;
    println!("Your headers come back from every hop; those of others never do:\n");
    println!("  curl -H 'x-request-id: r-1' -H 'x-tenant: acme' http://{}/contexts\n", server.address);
    println!("Headers: {}.", variables::HEADERS.map(|(name, _)| name).join(", "));
    println!("Other ways of carrying: /by-hand and /nothing. Ctrl-C ends it.");
    server.until_interrupted()?;
    drop(server);
    println!("\n{} values are alive.", apps.of(Way::Contexts).census.alive());
    Ok(())
}
