//! A real HTTP service that keeps the context of each request through every hop, and proves it.
//!
//! ```text
//! cargo run --release --example service               checks every hop, compares costs
//! cargo run --release --example service -- --serve    stays up, for curl; and with
//!                                                     --inspect, for a browser
//! cargo run --release --example service -- --chaos    cancels, panics, drops, shuts down
//! cargo run --release --example service -- --compare  compares costs only
//! cargo run --release --example service -- --split    two processes, and what crosses between them
//! cargo run --release --example service -- --plant-fault lost-at-rayon-join
//! ```
//!
//! Ten variables come with each request. It crosses every boundary at which context is usually
//! lost: the layer, the extractors, tasks, timers, pools, threads, channels, rayon, streams, and
//! its body; at each hop the variables are compared with what the headers said, and so is the id in
//! the lines that the hop logs, through `log` and through `tracing`. Some clients go away half-way,
//! some requests panic. In the end nothing may have been wrong and nothing be alive.
//! Then a handler of six hops is run in several ways: with contexts, with ten arguments or one
//! record passed by hand, with nothing, and with an eleventh value that each hop binds anew, to see
//! what each costs.
//!
//! Read `carriers/contexts.rs` first: it is all that an ordinary service needs.
//! `server/all_hops.rs` and `server/hops/` are the long way, one function for each boundary;
//! `server/six_hops.rs` is what is measured; `carriers/probe.rs` is the check. `split/` has the two
//! processes.

mod carriers;
mod client;
pub(crate) mod oracle;
pub(crate) mod runs;
mod server;
pub(crate) mod split;

use axum::Router;
use clap::Parser;
use client::http::Client;
use oracle::{scenario, variables};
use runs::chaos::Chaos;
use runs::comparison::Comparison;
use runs::options::Options;
use runs::progress;
use runs::race::{self, Race};
use runs::report::Report;
use runs::two_processes;
use runs::verify::{self, Verification, verify};
use server::listen::{Observers, Server};
use server::routes::PATH;
use split::process::{self, Where};
use stackholm::inspect;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    scenario::expect_ordered_panics();
    if options.back {
        return process::be_the_back(options.seed, options.plant_wire_fault)
            .map(|()| ExitCode::SUCCESS);
    }
    if options.split {
        let report = two_processes::split(&options, Where::Process)?;
        println!("{report}");
        return Ok(judge(&report.faults()));
    }
    if options.serve {
        return serve(options.inspect).map(|()| ExitCode::SUCCESS);
    }
    if options.chaos {
        let report = Chaos::new(&options)?.run()?;
        println!("{report}");
        return Ok(judge(&report.faults()));
    }
    let report = run(&options)?;
    print!("{report}");
    Ok(judge(&report.faults()))
}

/// Prints what was wrong, if anything was: to standard output, as the tables, so that a file has
/// both.
pub(crate) fn judge(faults: &[String]) -> ExitCode {
    if faults.is_empty() {
        println!("OK: no wrong value, no lost request, no value left alive.");
        return ExitCode::SUCCESS;
    }
    for fault in faults {
        println!("{fault}");
    }
    ExitCode::FAILURE
}

/// Runs the long way and then the comparison, or the one that was asked for.
pub(crate) fn run(options: &Options) -> io::Result<Report> {
    let verification = if options.compare { None } else { Some(verification(options)?) };
    let comparison = if options.plant_fault.is_some() { None } else { Some(comparison(options)?) };
    Ok(Report { verification, comparison })
}

/// Sends requests through every hop, shuts the service down, and looks at what is left.
fn verification(options: &Options) -> io::Result<Verification> {
    // Of what is left in the end it tells who has it.
    let _watching = inspect::watch();
    let (observers, begun) = (Observers::default(), Instant::now());
    let server = Server::start(&observers)?;
    let progress = progress::begin("Part 1, every hop", options.requests(verify::REQUESTS));
    let outcomes = verify(options, &observers, &Client::new(server.address), &progress)?;
    progress.finish_and_clear();
    let took = begun.elapsed();
    // Waits for the jobs on the blocking pool, and drops all tasks at the await where they are.
    drop(server);
    Ok(Verification::new(outcomes, observers.all_hops(), took))
}

/// Drives the measured services in turns, shuts them down, and looks at what is left.
fn comparison(options: &Options) -> io::Result<Comparison> {
    let observers = Observers::default();
    let server = Server::start(&observers)?;
    let progress = progress::begin("Part 2, comparison", options.requests(race::REQUESTS));
    let lanes = Race::new(options, &observers, Client::new(server.address), &progress)?.run();
    progress.finish_and_clear();
    drop(server);
    Ok(Comparison::new(lanes, &observers))
}

/// Where the view into the process is mounted.
const VIEW: &str = "/debug/stackholm";

fn serve(inspected: bool) -> io::Result<()> {
    let observers = Observers::default();
    let server = if inspected {
        // On loopback, as all of it; a service would mount it behind its own authentication.
        let view = Router::new().nest(VIEW, inspect::routes());
        Server::start_with(&observers, view)?
    } else {
        Server::start(&observers)?
    };
    println!("Each hop answers with the headers that you send, and with nobody else's:\n");
    println!(
        "  curl -H 'x-request-id: r-1' -H 'x-tenant: acme' http://{}{}\n",
        server.address, PATH
    );
    let headers = variables::HEADERS.map(|(name, _)| name);
    let (some, others) = headers.split_at(headers.len() / 2);
    println!("Headers: {},\n{}.", some.join(", "), others.join(", "));
    println!("Six hops only: /contexts. Carried in other ways: /arguments, /record, /nothing.");
    if inspected {
        println!("What is in flight, and what was left: http://{}{VIEW}", server.address);
    }
    println!("Ctrl-C ends it.");
    server.until_interrupted()?;
    drop(server);
    println!("\n{} values are still alive.", observers.all_hops().live_count.alive());
    Ok(())
}
