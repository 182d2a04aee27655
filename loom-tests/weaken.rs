//! Weakens every site in every model: the models that notice are those in the table of `README.md`.

use crate::support::{VERDICT, is_noticed};
use crate::table::{MODELS, model};
use stackholm::proof::{Site, sites_reached};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const README: &str = include_str!("README.md");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/loom-tests");

/// What a test of this file says after `word`, in a process of its own: what a count too few does
/// to the memory of a process that goes on is nobody's business here.
fn said(test: &str, about: &str, word: &str) -> Option<String> {
    let mut child = Command::new(std::env::current_exe().expect("the test is a program"));
    child.args(["--exact", test, "--nocapture"]).env(ABOUT, about);
    // It would be most of the work.
    child.env("RUST_BACKTRACE", "0");
    let output = child.output().expect("the test can be run once more");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find_map(|line| line.split_once(word)).map(|(_, rest)| rest.to_owned())
}

/// What came of one model with one site weakened: the kind of its failure, "passed", or "crash".
fn verdict(site: Site, model: &str) -> String {
    let about = format!("{site:?} {model}");
    said("weaken::one_site_in_one_model", &about, VERDICT).unwrap_or_else(|| "crash".into())
}

/// The sites that one model reaches in any order. To weaken another one changes nothing in it.
fn reached(model: &str) -> BTreeSet<String> {
    let reached = said("weaken::sites_that_one_model_reaches", model, REACHED);
    let reached = reached.unwrap_or_else(|| panic!("{model} did not end"));
    reached.split_whitespace().map(str::to_owned).collect()
}

/// The verdict on a model that does not fail.
const PASSED: &str = "passed";

/// What stands before the names of sites where a process says them.
const REACHED: &str = "reached: ";

const ABOUT: &str = "STACKHOLM_WEAKEN";

#[test]
fn sites_that_one_model_reaches() {
    let Ok(name) = std::env::var(ABOUT) else { return };
    model(&name).check();
    let names: Vec<_> = sites_reached().map(|site| format!("{site:?}")).collect();
    println!("{REACHED}{}", names.join(" "));
}

#[test]
fn one_site_in_one_model() {
    let Ok(pair) = std::env::var(ABOUT) else { return };
    let (site, name) = pair.split_once(' ').expect("a site and a model");
    let site = *Site::ALL.iter().find(|known| format!("{known:?}") == site).expect("a site");
    model(name).check_without(site);
    println!("{VERDICT}{PASSED}");
}

/// The models that the table names for each site.
fn table() -> BTreeMap<&'static str, Vec<&'static str>> {
    let rows = README.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.filter_map(|row| {
        let cells: Vec<_> = row.split(" | ").collect();
        let site = cells[0].trim_end_matches('`');
        let models = cells
            .get(3)?
            .split(", ")
            .filter_map(|model| model.strip_prefix('`')?.strip_suffix('`'));
        Some((site, models.collect()))
    })
    .collect()
}

/// `f` of each, on as many threads as there are processors, in the order of `all`.
fn map<T: Sync, R: Send>(all: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    let Some(result) = all.get(at).map(&f) else { break };
                    results.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The models that notice each site, and what is wrong besides.
fn found() -> (BTreeMap<String, Vec<&'static str>>, Vec<String>) {
    let (mut found, mut wrong) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    let reached = map(MODELS, |model| reached(model.name));
    let mut pairs = Vec::new();
    for &site in Site::ALL {
        let name = format!("{site:?}");
        let models = MODELS.iter().zip(&reached).filter(|(_, reached)| reached.contains(&name));
        pairs.extend(models.map(|(model, _)| (site, model.name)));
        found.insert(name, Vec::new());
    }
    println!("{} pairs of {}", pairs.len(), Site::ALL.len() * MODELS.len());
    for ((site, model), kind) in
        pairs.iter().zip(map(&pairs, |(site, model)| verdict(*site, model)))
    {
        let name = format!("{site:?}");
        match kind {
            kind if is_noticed(&kind) => found.get_mut(&name).unwrap().push(*model),
            kind if kind == PASSED => {}
            kind => wrong.push(format!("{name} in {model}: {kind}, which shows nothing")),
        }
    }
    (found, wrong)
}

/// As they stand in the table.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "-".into() } else { names.join(", ") }
}

/// The controls that the models declare for a site, by name.
fn controls(site: &str) -> BTreeSet<String> {
    let files =
        fs::read_dir(FOLDER).expect("the models are there").map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let texts: Vec<_> = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let of = |line: &str| {
        let (name, rest) = line.trim().split_once(": ")?;
        let is_it = name.starts_with("control_") && rest.split_once(" => ")?.0 == site;
        is_it.then(|| name.to_owned())
    };
    lines.filter_map(of).collect()
}

/// Writes the last two columns of the table anew. A site that no model notices keeps its reason.
fn update(found: &BTreeMap<String, Vec<&'static str>>) {
    let row = |line: &str| {
        let site = line.strip_prefix("| `")?.split('`').next()?;
        let models = found.get(site)?;
        let mut cells: Vec<_> = line.strip_suffix(" |")?.split(" | ").map(str::to_owned).collect();
        cells[3] = listed(models.iter().copied());
        let controls = controls(site);
        if !controls.is_empty() || !models.is_empty() && cells[4].contains("`control_") {
            cells[4] = listed(controls.iter().map(String::as_str));
        }
        Some(cells.join(" | ") + " |")
    };
    let lines = README.lines().map(|line| row(line).unwrap_or_else(|| line.into()) + "\n");
    fs::write(format!("{FOLDER}/README.md"), lines.collect::<String>())
        .expect("the table can be written");
}

#[test]
fn weakening_any_site_is_noticed_by_the_models_that_the_table_names() {
    let (found, mut wrong) = found();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        update(&found);
    } else {
        let table = table();
        let differs =
            found.iter().filter(|(site, noticed)| table.get(site.as_str()) != Some(*noticed));
        wrong.extend(
            differs.map(|(site, noticed)| format!("{site}: {}", listed(noticed.iter().copied()))),
        );
    }
    assert!(
        wrong.is_empty(),
        "the table should say (UPDATE_DOCS=1 writes it):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_model_is_in_the_table_or_in_the_text() {
    for model in MODELS {
        assert!(README.contains(&format!("`{}`", model.name)), "{} is in no row", model.name);
    }
}
