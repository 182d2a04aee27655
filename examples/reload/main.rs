//! A service whose routes and flags come from a file that is rewritten while requests run.
//!
//! ```text
//! cargo run --release --example reload                    three seconds
//! cargo run --release --example reload -- --seconds 60
//! cargo run --release --example reload -- --times 100     as quickly as each is loaded
//! ```
//!
//! The file is replaced a hundred times a second, a watcher loads each version, and each request
//! looks at a route and a flag three times: at its start, on another thread after an await, and at
//! its end. (Every other request stays on its thread.) It compares the versions: if they are not all
//! one, it saw a torn picture. A request that pins the process-wide values sees none, nor does one
//! that holds a snapshot; one that does neither does. In the end a bad file is refused, and what was
//! loaded before stays.
//!
//! `tables.rs` is what an ordinary service needs of the library, `watch.rs` what it needs of
//! `notify`. `cargo bench --manifest-path benches/Cargo.toml --bench reload` runs the same beside
//! other maps.

pub(crate) mod file;
pub(crate) mod load;
pub(crate) mod service;
pub(crate) mod tables;
pub(crate) mod watch;

use load::{Pace, Ran};
use service::{FLAGS, ROUTES, Service};
use stackholm::Shared;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tables::{Held, Pinned, Tables, Unpinned};
use watch::Folder;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |number: &String| number.parse().map_err(io::Error::other);
    let pace = match arguments.as_slice() {
        [] => Pace::For(Duration::from_secs(3)),
        [flag, seconds] if flag == "--seconds" => Pace::For(Duration::from_secs(number(seconds)?)),
        [flag, times] if flag == "--times" => Pace::Times(number(times)?),
        _ => return Err(io::Error::other("the options are --seconds N and --times N")),
    };
    run(&mut io::stdout(), pace)
}

/// Runs all ways, and fails if one that keeps its picture saw another.
pub(crate) fn run(out: &mut impl Write, pace: Pace) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    runtime.block_on(async {
        writeln!(out, "{ROUTES} routes and {FLAGS} flags from a file that is rewritten")?;
        let pinned = way(out, "pinned", Pinned, pace).await?;
        let held = way(out, "held", Held(Shared::default()), pace).await?;
        way(out, "neither", Unpinned, pace).await?;
        for whole in [pinned, held] {
            let seen = whole.seen;
            if (seen.torn, seen.wrong, seen.stale) != (0, 0, 0) {
                return Err(io::Error::other("a request saw two versions"));
            }
        }
        refuse(out).await
    })
}

async fn way<T: Tables>(
    out: &mut impl Write,
    name: &str,
    tables: T,
    pace: Pace,
) -> io::Result<Ran> {
    let (folder, service) = (Folder::new()?, Arc::new(Service::new(tables)));
    let ran = service.serve(&folder.file(), pace).await?;
    let seen = ran.seen;
    writeln!(
        out,
        "{name:<9}{:>9} requests; {} of {} versions loaded; requests that saw two versions: {}, a \
         wrong value: {}, an old version: {}",
        seen.requests, ran.loaded, ran.written, seen.torn, seen.wrong, seen.stale,
    )?;
    Ok(ran)
}

/// A file with a mistake in it, and one that was cut off.
async fn refuse(out: &mut impl Write) -> io::Result<()> {
    let (folder, service) = (Folder::new()?, Arc::new(Service::new(Pinned)));
    let _watcher = service.follow(&folder.file()).map_err(io::Error::other)?;
    let good = file::text(1, ROUTES, FLAGS);
    service.rewrite(&folder.file(), &good).await?.map_err(|no| io::Error::other(no.to_string()))?;
    for bad in [good.replace("flag_3 off", "flag_3 sideways"), good.replace("end\n", "")] {
        match service.rewrite(&folder.file(), &bad).await? {
            Ok(version) => return Err(io::Error::other(format!("version {version} was taken"))),
            Err(refused) => writeln!(out, "refused: {refused}")?,
        }
        let seen = service.request(3, async {}).await;
        let still = service.tables.view();
        let version = tables::View::flag(&still, &file::flag(3)).map(|flag| flag.version);
        assert_eq!((version, seen.torn + seen.wrong), (Some(1), 0), "what was there stays");
    }
    Ok(())
}
