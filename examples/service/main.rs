//! A real HTTP service that keeps the context of each request through every hop, and proves it.
//!
//! ```text
//! cargo run --release --example service               drives itself, and ends with two tables
//! cargo run --release --example service -- --serve    stays, for curl
//! cargo run --release --example service -- --chaos    mistreats itself for a minute
//! cargo run --release --example service -- --compare  nothing but the second table
//! cargo run --release --example service -- --plant-fault lost-at-rayon-join
//! ```
//!
//! Ten variables come with each request. It crosses every boundary at which context is usually
//! lost: the layer, the extractors, tasks, timers, pools, threads, channels, rayon, streams, and
//! its body; at each hop the variables are compared with what the headers said. Some clients go
//! away half-way, some requests panic. In the end nothing may have been wrong and nothing be alive.
//! Then a handler of six hops is run in several ways: with contexts, with ten arguments or one
//! record passed by hand, with nothing, and with an eleventh value that each hop binds anew, to see
//! what each costs.
//!
//! Read `carriers/contexts.rs` first: it is all that an ordinary service needs.
//! `server/all_hops.rs` and `server/hops/` are the long way, one function for each boundary;
//! `server/six_hops.rs` is what is measured; `carriers/probe.rs` is the check.

mod carriers;
mod client;
pub(crate) mod oracle;
pub(crate) mod runs;
mod server;

use clap::Parser;
use client::http::Client;
use indicatif::{ProgressBar, ProgressStyle};
use oracle::{scenario, variables};
use runs::chaos::Chaos;
use runs::comparison::Comparison;
use runs::options::Options;
use runs::race::{self, Race};
use runs::report::Report;
use runs::verify::{self, Verification, verify};
use server::listen::{Observers, Server};
use server::routes::PATH;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    scenario::expect_ordered_panics();
    if options.serve {
        return serve().map(|()| ExitCode::SUCCESS);
    }
    if options.chaos {
        let report = Chaos::new(&options)?.run()?;
        println!("{report}");
        return Ok(judge(&report.faults()));
    }
    let report = run(&options)?;
    println!("{report}");
    Ok(judge(&report.faults()))
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

/// The long way, and then the comparison; or what of it was asked for.
pub(crate) fn run(options: &Options) -> io::Result<Report> {
    let verification = if options.compare { None } else { Some(verification(options)?) };
    let comparison = if options.plant_fault.is_some() { None } else { Some(comparison(options)?) };
    Ok(Report { verification, comparison })
}

/// Sends requests through every hop, shuts the service down, and looks at what is left.
fn verification(options: &Options) -> io::Result<Verification> {
    let (observers, begun) = (Observers::default(), Instant::now());
    let server = Server::start(&observers)?;
    let progress = progress(options.requests(verify::REQUESTS));
    let outcomes = verify(options, &observers, &Client::new(server.address), &progress)?;
    progress.finish_and_clear();
    let took = begun.elapsed();
    // Waits for what runs on the blocking pool and drops everything else where it stands.
    drop(server);
    Ok(Verification::new(outcomes, observers.all_hops(), took))
}

/// Drives the measured services in turns, shuts them down, and looks at what is left.
fn comparison(options: &Options) -> io::Result<Comparison> {
    let observers = Observers::default();
    let server = Server::start(&observers)?;
    let progress = progress(options.requests(race::REQUESTS));
    let lanes = Race::new(options, &observers, Client::new(server.address), &progress)?.run();
    progress.finish_and_clear();
    drop(server);
    Ok(Comparison::new(lanes, &observers))
}

/// A bar on a terminal, and nothing elsewhere.
fn progress(requests: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} requests, {eta} to go");
    ProgressBar::new(requests).with_style(style.expect("the template is good"))
}

fn serve() -> io::Result<()> {
    let observers = Observers::default();
    let server = Server::start(&observers)?;
    println!("Your headers come back from every hop; those of others never do:\n");
    println!(
        "  curl -H 'x-request-id: r-1' -H 'x-tenant: acme' http://{}{}\n",
        server.address, PATH
    );
    println!("Headers: {}.", variables::HEADERS.map(|(name, _)| name).join(", "));
    println!(
        "Six hops only: /contexts, and other ways of carrying: /arguments, /record and /nothing. Ctrl-C ends it."
    );
    server.until_interrupted()?;
    drop(server);
    println!("\n{} values are alive.", observers.all_hops().live_count.alive());
    Ok(())
}
