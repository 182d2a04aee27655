//! The house: reads the sources and fails on an upward use, a second door, unsafe code out of
//! place, a long file.

use std::fs;
use std::path::Path;

/// The files of `src/`, lowest first: each uses only what stands before it. A folder stands for all
/// its files.
///
/// The guard (`entered`) stands below contexts, which give it out; futures stand below checkpoints,
/// which wrap them.
const ORDER: &[&str] = &[
    "sync",
    "error",
    "chain",
    "misuse",
    "asked",
    "var",
    "watch",
    "require",
    "shorthand",
    "kept",
    "entered",
    "captures",
    "context",
    "group",
    "patch",
    "stack",
    "future",
    "checkpoint",
    "proof",
    "cell",
    "testing",
    "envelope",
    "wrap",
    "thread",
    "ext",
    "compile_fail_tests",
];

/// A slot points to a frame, and a frame begins with the node that has slots: the two types name
/// each other.
const MUTUAL: (&str, &str) = ("chain/slot", "chain/frame");

/// Files that are still longer than the rest may be, and must not grow beyond this.
const LONG: &[(&str, usize)] = &[
    ("chain/trie", 383),
    ("chain/current", 326),
    ("chain/bundle", 312),
    ("chain/parting", 309),
    ("chain/link", 306),
    ("chain/walk", 289),
    ("chain/pool", 280),
    ("chain/spine", 254),
    ("chain/ends", 254),
];
/// In lines of code.
const LONGEST: usize = 250;

/// One file: its path within `src/`, without the ending, and its text.
struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The text without comments, line by line.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(|line| line.split("//").next().unwrap_or_default())
    }

    fn folder(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// What it uses, by paths that begin with `crate` or, inside a folder, with `super`.
    fn uses(&self) -> Vec<String> {
        let mut uses = Vec::new();
        for line in self.code() {
            uses.extend(names_after(line, "crate::").map(String::from));
            if self.folder() == "chain" {
                uses.extend(names_after(line, "super::").map(|name| format!("chain/{name}")));
            }
        }
        uses
    }
}

/// The names that follow `prefix` in a line. Those in a macro stand for what its user sees; and a
/// macro that is exported is always at the root: its name begins with two underscores.
fn names_after<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let name = |(at, _)| {
        let rest: &str = &line[at + prefix.len()..];
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    };
    let in_macro = |at: usize| line[..at].ends_with('$');
    let found = line.match_indices(prefix).filter(move |(at, _)| !in_macro(*at)).map(name);
    found.filter(|name| !name.is_empty() && !name.starts_with("__"))
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

/// The order of the files of `chain/`, as its own first page tells it: the names between
/// backquotes, up to the stop.
fn order_of_chain(page: &str) -> Vec<String> {
    let head: String = page.lines().take_while(|line| line.starts_with("//!")).collect();
    let list = head
        .split("what stands before it:")
        .nth(1)
        .and_then(|rest| rest.split('.').next())
        .unwrap_or_default();
    list.split('`').skip(1).step_by(2).map(|name| format!("chain/{name}")).collect()
}

fn position(order: &[impl AsRef<str>], name: &str) -> Option<usize> {
    order.iter().position(|known| known.as_ref() == name)
}

fn upward_uses(source: &Source, chain: &[String]) -> Vec<String> {
    let own_rank = position(ORDER, source.folder());
    let own_place = position(chain, &source.name);
    let is_upward = |used: &str| match used.strip_prefix("chain/") {
        Some(_) if (source.name.as_str(), used) == MUTUAL || source.name == used => false,
        // In a file with modules of its own `super` may be the file itself; its names are not those
        // of files.
        Some(_) => position(chain, used).is_some_and(|place| Some(place) > own_place),
        None => {
            used != source.folder()
                && position(ORDER, used).is_none_or(|rank| Some(rank) > own_rank)
        }
    };
    let upward = source.uses().into_iter().filter(|used| is_upward(used));
    upward
        .map(|used| format!("{} uses {used}, which does not stand before it", source.name))
        .collect()
}

fn faults_of(source: &Source, chain: &[String]) -> Vec<String> {
    let name = &source.name;
    let mut faults = Vec::new();
    if name == "lib" || name.ends_with("/mod") {
        faults.extend(
            source.code().filter(|line| line.contains("fn ")).map(|_| format!("{name} has logic")),
        );
    } else {
        if position(ORDER, source.folder()).is_none() {
            faults.push(format!("{name} has no place in the order"));
        }
        if source.folder() == "chain" && position(chain, name).is_none() {
            faults.push(format!("{name} has no place in the order that chain/mod.rs tells"));
        }
        faults.extend(upward_uses(source, chain));
    }
    let mut forbid = |found: bool, what: &str, line: &str| {
        if found {
            faults.push(format!("{name} {what}: {}", line.trim()));
        }
    };
    for line in source.code() {
        forbid(line.contains("crate::{"), "must name each file it uses in a path of its own", line);
        let has_door = |word: &str| {
            line.contains(&format!("std::{word}")) || line.contains(&format!("core::{word}"))
        };
        if source.folder() != "sync" {
            let has_model = |words: [&str; 2]| words.iter().any(|word| has_word(line, word));
            forbid(
                has_door("sync") || has_model(["loom", "shuttle"]),
                "goes round the one door, sync",
                line,
            );
            forbid(
                has_model(["stackholm_loom", "stackholm_shuttle"]),
                "must not know of the models",
                line,
            );
        }
        if !["sync", "chain"].contains(&source.folder()) {
            forbid(has_word(line, "unsafe"), "must not be unsafe", line);
        }
    }
    let most = LONG.iter().find(|(long, _)| long == name).map_or(LONGEST, |(_, most)| *most);
    let lines = source.code().filter(|line| !line.trim().is_empty()).count();
    if lines > most {
        faults.push(format!("{name} has {lines} lines of code, more than {most}"));
    }
    faults
}

fn faults(sources: &[Source]) -> Vec<String> {
    let page =
        sources.iter().find(|source| source.name == "chain/mod").map_or("", |source| &source.text);
    let chain = order_of_chain(page);
    sources.iter().flat_map(|source| faults_of(source, &chain)).collect()
}

fn read(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            read(&path, &format!("{prefix}{stem}/"), sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a text");
            sources.push(Source { name: format!("{prefix}{stem}"), text });
        }
    }
}

#[test]
fn a_file_uses_only_what_stands_before_it_and_keeps_to_the_rules_of_the_house() {
    let mut sources = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut sources);
    assert!(sources.len() > 20, "the sources are there");
    let faults = faults(&sources);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_lists_name_no_file_that_is_gone() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let exists = |name: &str| src.join(name).is_dir() || src.join(format!("{name}.rs")).is_file();
    let page = fs::read_to_string(src.join("chain/mod.rs")).expect("the first page of the engine");
    let chain = order_of_chain(&page);
    let named = ORDER
        .iter()
        .copied()
        .chain(LONG.iter().map(|(name, _)| *name))
        .chain(chain.iter().map(String::as_str));
    let gone: Vec<_> = named.filter(|name| !exists(name)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// Each rule is broken once, to show that it would be noticed.
#[test]
fn each_broken_rule_is_noticed() {
    let page = "//! A file uses what stands before it: `slot`,\n//! `frame`, `spine`. More.";
    let cases = [
        ("stack", "use crate::checkpoint::Scope;", "stack uses checkpoint"),
        ("context", "    let x = crate::thread::spawn(f);", "context uses thread"),
        ("var", "use crate::newcomer::Thing;", "var uses newcomer"),
        ("chain/link", "", "chain/link has no place"),
        ("chain/frame", "use super::spine::Spine;", "chain/frame uses chain/spine"),
        ("chain/spine", "use crate::var::Var;", "chain/spine uses var"),
        ("newcomer", "", "newcomer has no place"),
        ("var", "use crate::{error, chain};", "var must name each file"),
        ("future", "use std::sync::Arc;", "future goes round the one door"),
        ("chain/spine", "use core::sync::atomic::AtomicUsize;", "chain/spine goes round"),
        ("chain/spine", "use loom::cell::UnsafeCell;", "chain/spine goes round"),
        ("chain/spine", "shuttle::thread::yield_now();", "chain/spine goes round"),
        ("chain/frame", "#[cfg(not(stackholm_loom))]", "chain/frame must not know"),
        ("chain/frame", "#[cfg(stackholm_shuttle)]", "chain/frame must not know"),
        ("cell", "unsafe { value.assume_init() }", "cell must not be unsafe"),
        ("lib", "pub fn logic() {}", "lib has logic"),
        ("stack", &"code\n".repeat(251), "stack has 251 lines of code"),
    ];
    for (name, text, expected) in cases {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let found = faults(&[source("chain/mod", page), source(name, text)]);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{name}: {text:.40} gives {found:?}"
        );
    }
    let fine = [
        ("stack", "use crate::context::Context; // not crate::checkpoint"),
        ("chain/slot", "use super::frame::Frame;"),
        ("chain/frame", "use super::slot::Slot;\nunsafe fn f() {}"),
        ("sync", "use std::sync::Arc;\n#[cfg(stackholm_loom)]\nunsafe fn f() {}"),
        ("cell", "#![expect(unsafe_code)] // unsafe"),
        ("ext/tokio", "use crate::future::InContext;"),
        (
            "cell",
            "impl $crate::newcomer::Thing for $name {}\npub use crate::__exported as exported;",
        ),
    ];
    for (name, text) in fine {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        assert_eq!(faults(&[source("chain/mod", page), source(name, text)]), [""; 0]);
    }
}
