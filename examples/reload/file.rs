//! The file that is rewritten while requests run: a routing table and feature flags.
//!
//! ```text
//! version 7
//! route /users 10.0.0.7:8080
//! flag new_checkout on
//! end
//! ```
//!
//! It is checked whole before anybody sees any of it. Its last line says that nothing is missing: a
//! program that writes in place may be met half-way.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Where requests for a path go.
///
/// Like a flag it says which version of the file it is from, so that a request can tell whether all
/// that it read is from one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    pub(crate) version: u64,
    pub(crate) target: SocketAddr,
}

/// Whether something is switched on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flag {
    pub(crate) version: u64,
    pub(crate) on: bool,
}

/// What a file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Config {
    pub(crate) version: u64,
    pub(crate) routes: HashMap<String, Route>,
    pub(crate) flags: HashMap<String, Flag>,
}

/// Why a file is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// It could not be read.
    Unread(String),
    /// A line, counted from one, and what is wrong with it.
    Line(usize, String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unread(why) => f.write_str(why),
            Refused::Line(line, why) => write!(f, "line {line}: {why}"),
        }
    }
}

impl Config {
    /// What that text says.
    pub(crate) fn parse(text: &str) -> Result<Config, Refused> {
        let mut config = Config::default();
        let mut ended = false;
        for (at, line) in text.lines().enumerate() {
            let refused = |why| Refused::Line(at + 1, why);
            let words: Vec<&str> = line.split_whitespace().collect();
            match (words.as_slice(), at) {
                _ if ended => return Err(refused("there is something after `end`".into())),
                (["version", number], 0) => {
                    config.version =
                        number.parse().map_err(|_| refused(format!("`{number}` is no version")))?;
                }
                (_, 0) => return Err(refused("the first line is no `version`".into())),
                (["end"], _) => ended = true,
                ([], _) => {}
                (entry, _) => config.add(entry).map_err(refused)?,
            }
        }
        if ended {
            return Ok(config);
        }
        Err(Refused::Line(text.lines().count() + 1, "the file ends without `end`".into()))
    }

    fn add(&mut self, entry: &[&str]) -> Result<(), String> {
        let version = self.version;
        let is_new = match *entry {
            ["route", path, target] => {
                let target = target.parse().map_err(|_| format!("`{target}` is no address"))?;
                self.routes.insert(path.into(), Route { version, target }).is_none()
            }
            ["flag", name, state @ ("on" | "off")] => {
                self.flags.insert(name.into(), Flag { version, on: state == "on" }).is_none()
            }
            ["flag", _, state] => return Err(format!("`{state}` is neither `on` nor `off`")),
            _ => return Err(format!("`{}` is neither a route nor a flag", entry.join(" "))),
        };
        if is_new { Ok(()) } else { Err(format!("`{}` is there twice", entry[1])) }
    }

    /// Whether a route and a flag are what [`text`] writes for their versions.
    pub(crate) fn fits(route: Route, flag: Flag) -> bool {
        route.target == target(route.version) && flag.on == is_on(flag.version)
    }
}

/// The paths and the names of the flags that [`text`] writes.
pub(crate) fn path(at: usize) -> String {
    format!("/path/{at}")
}

/// As above.
pub(crate) fn flag(at: usize) -> String {
    format!("flag_{at}")
}

fn target(version: u64) -> SocketAddr {
    let address = Ipv4Addr::from_bits(0x0a00_0000 | (version as u32 & 0xff_ffff));
    SocketAddr::from((address, 8080))
}

fn is_on(version: u64) -> bool {
    version & 1 == 0
}

/// A file of that version.
pub(crate) fn text(version: u64, routes: usize, flags: usize) -> String {
    let mut text = format!("version {version}\n");
    for at in 0..routes {
        let _ = writeln!(text, "route {} {}", path(at), target(version));
    }
    for at in 0..flags {
        let state = if is_on(version) { "on" } else { "off" };
        let _ = writeln!(text, "flag {} {state}", flag(at));
    }
    text + "end\n"
}

/// Puts a file in the place of the one there, whole or not at all: a rename is one step.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(beside, path)
}
