//! The service example is six folders in one order, and its files use each other in no circle.
//!
//! `mod.rs` of a folder names the folders that it uses, `use super::oracle;`, and its files reach
//! those by that name. `scripts/plan examples/service` draws the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The folders, lowest first: each uses only those before it.
const ORDER: [&str; 6] = ["oracle", "carriers", "server", "client", "split", "runs"];

const MOST_CODE_LINES: usize = 250;
const MOST_COLUMNS: usize = 100;

/// Each file by its path within the folder, without the ending.
type Sources = BTreeMap<String, String>;

/// The text without comments and without the tests at its end, line by line.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    lines.map(|line| line.split("//").next().unwrap_or_default())
}

/// The paths that its `use` statements name, those in braces one by one, without the last `super`.
fn uses(text: &str) -> Vec<String> {
    let code: String = code(text).flat_map(|line| line.chars().chain(['\n'])).collect();
    let paths = code.split("use super::").skip(1).filter_map(|rest| rest.split(';').next());
    let all = paths.flat_map(|path| match path.split_once('{') {
        Some((start, list)) => {
            let names = list.trim_end_matches('}').split(',').map(str::trim);
            let names = names.filter(|name| !name.is_empty());
            names.map(|name| format!("{start}{name}")).collect()
        }
        None => vec![path.to_owned()],
    });
    all.collect()
}

/// The file that `path` leads to, as seen by `file`; nothing, if it is a folder or not there.
fn target(sources: &Sources, file: &str, path: &str) -> Option<String> {
    let (mut folder, mut names) = (file.rsplit_once('/')?.0, path.split("::"));
    let first = names.next()?;
    loop {
        let here = format!("{folder}/{first}");
        if sources.contains_key(&here) {
            return Some(here);
        }
        let inside = |top: &str| names.clone().next().map(|name| format!("{top}/{name}"));
        for top in [here.as_str(), first] {
            if let Some(found) = inside(top).filter(|found| sources.contains_key(found)) {
                return Some(found);
            }
        }
        // What `mod.rs` imports may come from the folder around it.
        folder = folder.rsplit_once('/')?.0;
    }
}

/// One circle of files that use each other, if there is any.
fn circle(arrows: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk<'a>(
        arrows: &'a BTreeMap<&str, BTreeSet<String>>,
        file: &'a str,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|known| *known == file) {
            return Some(way[start..].iter().map(ToString::to_string).collect());
        }
        if !done.insert(file) {
            return None;
        }
        way.push(file);
        let found =
            arrows.get(file).into_iter().flatten().find_map(|next| walk(arrows, next, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|file| walk(arrows, file, &mut Vec::new(), &mut done))
}

fn faults(sources: &Sources) -> Vec<String> {
    let place = |folder: &str| ORDER.iter().position(|known| *known == folder);
    let mut faults = Vec::new();
    let mut arrows = BTreeMap::new();
    for (file, text) in sources {
        let length = code(text).filter(|line| !line.trim().is_empty()).count();
        if length > MOST_CODE_LINES {
            faults.push(format!("{file} has {length} lines of code"));
        }
        if text.lines().any(|line| line.chars().count() > MOST_COLUMNS) {
            faults.push(format!("{file} has a line of more than {MOST_COLUMNS} columns"));
        }
        let Some((folder, name)) = file.split_once('/') else { continue };
        if place(folder).is_none() {
            faults.push(format!("{folder} has no place in the order"));
        }
        if code(text).any(|line| line.contains("super::super") || line.contains("crate::")) {
            faults.push(format!("{file} goes past its mod.rs"));
        }
        if name == "mod" {
            let upward = uses(text).into_iter().filter(|used| place(used) >= place(folder));
            faults.extend(upward.map(|used| format!("{folder} uses {used}")));
        } else if !name.ends_with("/mod") {
            let used = uses(text).into_iter().filter_map(|path| target(sources, file, &path));
            arrows.insert(file.as_str(), used.collect::<BTreeSet<_>>());
        }
    }
    faults.extend(circle(&arrows).map(|files| format!("a circle: {}", files.join(" -> "))));
    faults
}

fn read(folder: &Path, prefix: &str, sources: &mut Sources) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            read(&path, &format!("{prefix}{stem}/"), sources);
        } else {
            let text = fs::read_to_string(&path).expect("a text");
            sources.insert(format!("{prefix}{stem}"), text);
        }
    }
}

fn service() -> Sources {
    let mut sources = Sources::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/service");
    read(&folder, "", &mut sources);
    sources
}

#[test]
fn a_folder_of_the_service_uses_only_those_before_it_and_no_files_use_each_other() {
    let sources = service();
    for folder in ORDER {
        assert!(sources.contains_key(&format!("{folder}/mod")), "{folder} is there");
    }
    assert_eq!(faults(&sources), [""; 0]);
}

/// Each rule is broken once in the real sources, to show that it would be noticed.
#[test]
fn each_broken_rule_of_the_service_is_noticed() {
    let cases = [
        ("oracle/mod", "use super::server;", "oracle uses server"),
        ("oracle/mod", "use super::runs;", "oracle uses runs"),
        ("split/mod", "use super::runs;", "split uses runs"),
        ("oracle/hop", "use super::super::runs::race;", "oracle/hop goes past its mod.rs"),
        ("oracle/hop", "use crate::runs::race;", "oracle/hop goes past its mod.rs"),
        ("oracle/hop", "use super::expected::Expected;", "a circle: oracle/"),
        ("oracle/live_count", "use super::{\n    scenario, observer,\n};", "a circle: oracle/"),
        ("server/hops/guest", "use super::tokio;", "a circle: server/hops/guest -> "),
        ("server/actor", "use super::hops::tokio::actor;", "a circle: server/actor -> "),
        ("runs/ratio", &"fn f() {}\n".repeat(250), "runs/ratio has "),
        ("runs/ratio", &"/".repeat(101), "runs/ratio has a line"),
        ("newcomer/mod", "", "newcomer has no place"),
    ];
    for (file, text, expected) in cases {
        let mut sources = service();
        sources.entry(file.into()).or_default().insert_str(0, &format!("{text}\n"));
        let found = faults(&sources);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{file}: {text}: {found:?}");
    }
}
