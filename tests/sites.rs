//! The table of atomic operations in `loom-tests/README.md` is complete: each has a name, and each
//! name a row.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What an atomic is asked to do; a swap of cells, and a load of a process-wide cell, are told
/// apart by the ordering.
const OPERATIONS: [&str; 12] = [
    ".load(",
    ".store(",
    ".swap(",
    ".fetch_add(",
    ".fetch_sub(",
    ".fetch_and(",
    ".fetch_or(",
    ".fetch_xor(",
    ".fetch_max(",
    ".fetch_update(",
    ".compare_exchange(",
    ".compare_exchange_weak(",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The sources, but for what stands in for them in models, and for the notes and walks of debug
/// builds, which decide nothing but words.
fn modelled() -> Vec<PathBuf> {
    let apart = [
        "sys/control.rs",
        "sys/model.rs",
        "sys/shuttle.rs",
        "sys/statics.rs",
        "sys/debug_notes.rs",
        "sys/popcount.rs",
        "engine/walk/check.rs",
        "sys/reached.rs",
    ];
    let is_apart = |path: &PathBuf| apart.iter().any(|end| path.ends_with(end));
    sources(&root().join("src")).into_iter().filter(|path| !is_apart(path)).collect()
}

/// The code of a file, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// From an opening parenthesis to the one that closes it.
fn arguments(code: &str) -> &str {
    let mut depth = 0;
    let end = code.find(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    &code[..end.expect("parentheses are balanced")]
}

/// Whether these are the arguments of an atomic operation: one of them is an ordering.
fn is_atomic(arguments: &str) -> bool {
    ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"]
        .iter()
        .any(|order| arguments.contains(order))
}

/// The rows of the table: site and place.
fn rows() -> Vec<(String, String)> {
    let table = fs::read_to_string(root().join("loom-tests/README.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split(" | ").collect();
        assert_eq!(cells.len(), 5, "{row}");
        let last = cells[4].trim_end_matches(" |");
        assert!(
            !cells[3].trim().is_empty() || !last.is_empty(),
            "neither a model nor a reason: {row}"
        );
        (cells[0].trim_end_matches('`').to_owned(), cells[2].to_owned())
    })
    .collect()
}

/// The sites named in a piece of code.
fn sites(code: &str) -> BTreeSet<String> {
    let names = code.split("Site::").skip(1);
    let names =
        names.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric()).collect::<String>());
    names.filter(|name| name.contains(char::is_lowercase)).collect()
}

#[test]
fn every_atomic_operation_goes_through_a_site() {
    let mut found = 0;
    for path in modelled() {
        let code = code(&path);
        for operation in OPERATIONS {
            for (at, _) in code.match_indices(operation) {
                let arguments = arguments(&code[at + operation.len() - 1..]);
                if is_atomic(arguments) {
                    found += 1;
                    assert!(
                        arguments.contains("ordering(Site::"),
                        "{}: {operation}{arguments}",
                        path.display()
                    );
                }
            }
        }
        // The facade has a name of its own for the pointer.
        let code = code.replace("AtomicPtr as StaticPointer", "StaticPointer");
        let fences = ["fence(", "AtomicPtr", "AtomicBool", "AtomicI"];
        assert!(
            !fences.iter().any(|fence| code.contains(fence)),
            "{}: not in the table",
            path.display()
        );
    }
    assert!(found >= 14, "only {found} operations found: does this test still see them?");
}

#[test]
fn every_site_has_a_row_that_names_its_place_and_every_row_a_site() {
    let rows = rows();
    for path in sources(&root().join("src")) {
        let file =
            path.strip_prefix(root().join("src")).unwrap().to_str().unwrap().replace('\\', "/");
        for site in sites(&code(&path)) {
            let row = rows.iter().find(|(name, _)| *name == site);
            let (_, place) = row.unwrap_or_else(|| panic!("{site} in {file} has no row"));
            assert!(
                place.contains(&format!("`{file}`")),
                "{site} is in {file}, its row says {place}"
            );
        }
    }
    let everything: String =
        sources(&root().join("src")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let used = sites(&everything);
    for (site, place) in &rows {
        assert!(used.contains(site), "{site} has a row but no place in the source");
        let (file, function) = place.split_once("` `").expect("a file and a function");
        let text =
            fs::read_to_string(root().join("src").join(file.trim_start_matches('`'))).unwrap();
        let function = function.split('`').next().unwrap().rsplit("::").next().unwrap();
        assert!(
            text.contains(&format!("fn {function}(")) || text.contains(&format!("fn {function}<")),
            "{place}"
        );
    }
    let declared = code(&root().join("src/sys/sites.rs"));
    let declared = declared.split("sites! {").nth(1).unwrap().split("\n}\n").next().unwrap();
    for site in declared.lines().filter_map(|line| line.trim().strip_suffix(',')) {
        assert!(rows.iter().any(|(name, _)| name == site), "{site} is declared and has no row");
    }
}
