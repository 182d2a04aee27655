//! Every site weakened in every model: what notices is what the table in `README.md` says.

use crate::table::{MODELS, model};
use stackholm::proof::Site;
use std::collections::BTreeMap;
use std::process::Command;

const README: &str = include_str!("README.md");

/// The models that fail if `site` is weakened.
fn noticed_by(site: Site) -> Vec<&'static str> {
    MODELS.iter().map(|model| model.name).filter(|model| fails(site, model)).collect()
}

/// Runs one model with one site weakened, in a process of its own: what a count too few does to the memory of a
/// process that goes on is nobody's business here.
fn fails(site: Site, model: &str) -> bool {
    let mut child = Command::new(std::env::current_exe().expect("the test is a program"));
    child.args(["--exact", "weaken::one_site_in_one_model"]).env(PAIR, format!("{site:?} {model}"));
    !child.output().expect("the test can be run once more").status.success()
}

const PAIR: &str = "STACKHOLM_WEAKEN";

#[test]
fn one_site_in_one_model() {
    let Ok(pair) = std::env::var(PAIR) else { return };
    let (site, name) = pair.split_once(' ').expect("a site and a model");
    let site = *Site::ALL.iter().find(|known| format!("{known:?}") == site).expect("a site");
    model(name).check_without(site);
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
    let table = table();
    let mut wrong = Vec::new();
    for &site in Site::ALL {
        let (name, noticed) = (format!("{site:?}"), noticed_by(site));
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
