//! Every site weakened in every model: what notices is what the table in `README.md` says.

use crate::support::{VERDICT, is_noticed};
use crate::table::{MODELS, model};
use stackholm::proof::Site;
use std::collections::BTreeMap;
use std::process::Command;

const README: &str = include_str!("README.md");

/// What came of one model with one site weakened, in a process of its own: what a count too few does to the memory of a
/// process that goes on is nobody's business here. The kind of its failure, "passed", or "crash".
fn verdict(site: Site, model: &str) -> String {
    let mut child = Command::new(std::env::current_exe().expect("the test is a program"));
    child.args(["--exact", "weaken::one_site_in_one_model", "--nocapture"]).env(PAIR, format!("{site:?} {model}"));
    // It would be most of the work.
    child.env("RUST_BACKTRACE", "0");
    let output = child.output().expect("the test can be run once more");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdict = said.lines().find_map(|line| line.split_once(VERDICT)).map(|(_, verdict)| verdict.to_owned());
    verdict.unwrap_or_else(|| "crash".into())
}

/// The verdict on a model that does not fail.
const PASSED: &str = "passed";

const PAIR: &str = "STACKHOLM_WEAKEN";

#[test]
fn one_site_in_one_model() {
    let Ok(pair) = std::env::var(PAIR) else { return };
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
        let models = cells.get(3)?.split(", ").filter_map(|model| model.strip_prefix('`')?.strip_suffix('`'));
        Some((site, models.collect()))
    })
    .collect()
}

#[test]
fn weakening_any_site_is_noticed_by_the_models_that_the_table_names() {
    let (table, mut wrong) = (table(), Vec::new());
    for &site in Site::ALL {
        let (name, mut noticed) = (format!("{site:?}"), Vec::new());
        for model in MODELS.iter().map(|model| model.name) {
            match verdict(site, model) {
                kind if is_noticed(&kind) => noticed.push(model),
                kind if kind == PASSED => {}
                kind => wrong.push(format!("{name} in {model}: {kind}, which shows nothing")),
            }
        }
        if table.get(name.as_str()) != Some(&noticed) {
            let models: Vec<_> = noticed.iter().map(|model| format!("`{model}`")).collect();
            wrong.push(format!("{name}: {}", if models.is_empty() { "-".into() } else { models.join(", ") }));
        }
    }
    assert!(wrong.is_empty(), "the table should say:\n{}", wrong.join("\n"));
}

#[test]
fn every_model_is_in_the_table_or_in_the_text() {
    for model in MODELS {
        assert!(README.contains(&format!("`{}`", model.name)), "{} is in no row", model.name);
    }
}
