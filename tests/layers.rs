//! The order of the source tree: reads the sources and fails on a use of a higher layer, primitives
//! used past the facade, unsafe code out of place, and long files.

use std::fs;
use std::path::Path;

/// The files of `src/`, lowest first: each uses only what stands before it. A folder stands for all
/// its files.
///
/// The guard (`entered`) stands below variables, which give it out; futures stand below
/// checkpoints, which wrap them.
const ORDER: &[&str] = &[
    "sys",
    "error",
    "shared",
    "field",
    "line",
    "engine",
    "misuse",
    "companion",
    "asked",
    "entered",
    "picture",
    "var",
    "source",
    "global",
    "declared",
    "watch",
    "require",
    "shorthand",
    "kept",
    "captures",
    "context",
    "builder",
    "merge",
    "fields",
    "group",
    "patch",
    "stack",
    "hop",
    "future",
    "on_stack",
    "checkpoint",
    "pin",
    "deadline",
    "cancel",
    "inspect",
    "proof",
    "cell",
    "testing",
    "envelope",
    "wrap",
    "thread",
    "ext",
    "compile_fail_tests",
];

/// The folders of the engine, lowest first: a file uses those before its own.
const ENGINE: &[&str] = &["memory", "index", "build", "reclaim", "snapshot", "stack", "walk"];

/// A slot points to a frame, and a frame begins with the node that has slots: the two types name
/// each other.
const MUTUAL: [&str; 2] = ["engine/memory/slot", "engine/memory/frame"];

/// The longest a file may be, in lines of code.
const LONGEST: usize = 250;

/// Where unsafe code may stand: the facade of primitives, the engine, and the cell that is read
/// without a lock, whose nodes are shared by pointer.
const UNSAFE: &[&str] = &["sys", "engine", "shared"];

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

    /// The folder of the engine that it is in, or its own name if it lies in none.
    fn room(&self) -> Option<&str> {
        self.name.strip_prefix("engine/")?.split('/').next()
    }

    /// The files of `src/` and the folders that it uses, by paths that begin with `crate`.
    fn uses(&self) -> impl Iterator<Item = &str> {
        self.code().flat_map(|line| names_after(line, "crate::"))
    }

    /// The folders of the engine that it uses.
    fn rooms_used(&self) -> impl Iterator<Item = &str> {
        self.code().flat_map(|line| names_after(line, "crate::engine::"))
    }

    /// The files of its own folder that it uses.
    fn siblings(&self) -> impl Iterator<Item = String> {
        let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let names = self.code().flat_map(|line| names_after(line, "super::"));
        names.map(move |name| format!("{folder}/{name}"))
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

fn position(order: &[impl AsRef<str>], name: &str) -> Option<usize> {
    order.iter().position(|known| known.as_ref() == name)
}

fn upward_uses(source: &Source) -> Vec<String> {
    let is_later = |order: &[&str], used: &str, own: &str| {
        used != own && position(order, used).is_none_or(|rank| Some(rank) > position(order, own))
    };
    let files = source.uses().filter(|used| is_later(ORDER, used, source.folder()));
    let rooms = source
        .room()
        .into_iter()
        .flat_map(|room| source.rooms_used().filter(move |used| is_later(ENGINE, used, room)));
    let upward = files.map(String::from).chain(rooms.map(|room| format!("engine/{room}")));
    upward
        .map(|used| format!("{} uses {used}, which does not stand before it", source.name))
        .collect()
}

/// The files of one folder of the engine that use each other in a circle.
fn circles(sources: &[Source]) -> Vec<String> {
    let engine: Vec<_> = sources.iter().filter(|source| source.room().is_some()).collect();
    let uses = |from: &str| -> Vec<String> {
        let source = engine.iter().find(|source| source.name == from);
        let is_plain = |used: &String| !(MUTUAL.contains(&from) && MUTUAL.contains(&&**used));
        source.into_iter().flat_map(|source| source.siblings()).filter(is_plain).collect()
    };
    let is_in_circle = |source: &&&Source| {
        let (mut seen, mut next) = (Vec::new(), uses(&source.name));
        while let Some(name) = next.pop().filter(|_| !seen.contains(&source.name)) {
            if !seen.contains(&name) {
                next.extend(uses(&name));
                seen.push(name);
            }
        }
        seen.contains(&source.name)
    };
    let found = engine.iter().filter(is_in_circle);
    found.map(|source| format!("{} uses itself through other files", source.name)).collect()
}

fn faults_of(source: &Source) -> Vec<String> {
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
        if source.room().is_some_and(|room| position(ENGINE, room).is_none()) {
            faults.push(format!("{name} has no place in the order of the engine"));
        }
        faults.extend(upward_uses(source));
    }
    let mut forbid = |found: bool, what: &str, line: &str| {
        if found {
            faults.push(format!("{name} {what}: {}", line.trim()));
        }
    };
    for line in source.code() {
        forbid(line.contains("crate::{"), "must name each file it uses in a path of its own", line);
        let has_door = |word: &str| {
            ["std", "core", "alloc"].iter().any(|door| line.contains(&format!("{door}::{word}")))
        };
        if source.folder() != "sys" {
            let has_model = |words: [&str; 2]| words.iter().any(|word| has_word(line, word));
            forbid(
                has_door("sync") || has_model(["loom", "shuttle"]),
                "goes round the facade, sys",
                line,
            );
            forbid(
                has_model(["stackholm_loom", "stackholm_shuttle"]),
                "must not know of the models",
                line,
            );
        }
        if !UNSAFE.contains(&source.folder()) {
            forbid(has_word(line, "unsafe"), "must not be unsafe", line);
        }
    }
    let lines = source.code().filter(|line| !line.trim().is_empty()).count();
    if lines > LONGEST {
        faults.push(format!("{name} has {lines} lines of code, more than {LONGEST}"));
    }
    faults
}

fn faults(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(faults_of).chain(circles(sources)).collect()
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
    let rooms = ENGINE.iter().map(|room| format!("engine/{room}"));
    let names = ORDER.iter().chain(&MUTUAL);
    let named = names.map(|name| String::from(*name)).chain(rooms);
    let gone: Vec<_> = named.filter(|name| !exists(name)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// Each rule is broken once, to show that it would be noticed.
#[test]
fn each_broken_rule_is_noticed() {
    let cases = [
        ("stack", "use crate::checkpoint::Scope;", "stack uses checkpoint"),
        ("context", "    let x = crate::thread::spawn(f);", "context uses thread"),
        ("var", "use crate::newcomer::Thing;", "var uses newcomer"),
        ("engine/attic/frame", "", "engine/attic/frame has no place"),
        ("engine/index/trie", "use crate::engine::stack::raw::Raw;", "engine/index/trie uses"),
        ("engine/stack/raw", "use crate::var::Var;", "engine/stack/raw uses var"),
        ("engine/stack/raw", "fn f() { super::raw::g() }", "engine/stack/raw uses itself"),
        ("newcomer", "", "newcomer has no place"),
        ("var", "use crate::{error, engine};", "var must name each file"),
        ("future", "use std::sync::Arc;", "future goes round the facade"),
        ("future", "use alloc::sync::Arc;", "future goes round the facade"),
        ("engine/stack/raw", "use core::sync::atomic::AtomicUsize;", "engine/stack/raw goes round"),
        ("engine/stack/raw", "use loom::cell::UnsafeCell;", "engine/stack/raw goes round"),
        ("engine/stack/raw", "shuttle::thread::yield_now();", "engine/stack/raw goes round"),
        ("engine/memory/frame", "#[cfg(not(stackholm_loom))]", "engine/memory/frame must not know"),
        ("engine/memory/frame", "#[cfg(stackholm_shuttle)]", "engine/memory/frame must not know"),
        ("cell", "unsafe { value.assume_init() }", "cell must not be unsafe"),
        ("lib", "pub fn logic() {}", "lib has logic"),
        ("stack", &"code\n".repeat(251), "stack has 251 lines of code"),
    ];
    for (name, text, expected) in cases {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let found = faults(&[source(name, text)]);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{name}: {text:.40} gives {found:?}"
        );
    }
    let fine = [
        ("stack", "use crate::context::Context; // not crate::checkpoint"),
        ("engine/memory/slot", "use super::frame::Frame;"),
        ("engine/stack/raw", "use crate::engine::index::trie;\nunsafe fn f() {}"),
        ("sys", "use std::sync::Arc;\n#[cfg(stackholm_loom)]\nunsafe fn f() {}"),
        ("cell", "#![expect(unsafe_code)] // unsafe"),
        ("ext/tokio", "use crate::future::InContext;"),
        (
            "cell",
            "impl $crate::newcomer::Thing for $name {}\npub use crate::__exported as exported;",
        ),
    ];
    for (name, text) in fine {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        assert_eq!(faults(&[source(name, text)]), [""; 0]);
    }
}
