//! The README is true: its program is the first example, its features are those of the manifest,
//! its commands are those of `.ci/run`, and what it links to is in the package. The features on the
//! page of the crate are those of the manifest too, and a search of the docs finds items by the
//! names they have elsewhere.

use std::fs;
use std::path::Path;

const README: &str = include_str!("../README.md");
const MANIFEST: &str = include_str!("../Cargo.toml");

#[test]
fn the_program_of_the_readme_is_the_quickstart() {
    let (_, program) =
        include_str!("../examples/quickstart.rs").split_once("\n\n").expect("it has a head");
    assert!(
        README.contains(&format!("```rust\n{program}```\n")),
        "copy examples/quickstart.rs into README.md"
    );
}

/// The names in the table `[features]` of the manifest.
fn features() -> impl Iterator<Item = &'static str> {
    let features = MANIFEST.split_once("\n[features]\n").expect("there are features").1;
    let features = features.split("\n[").next().expect("there is a first part");
    features
        .lines()
        .filter_map(|line| Some(line.split_once(" = [")?.0))
        .filter(|name| *name != "default")
}

#[test]
fn the_readme_lists_each_feature_and_no_other() {
    let mut listed: Vec<_> = features().map(|name| format!("\n| `{name}` | ")).collect();
    assert!(listed.len() >= 3);
    let table = README.split_once("\n## Features\n").expect("it has that heading").1;
    assert_eq!(table.matches("\n| `").count(), listed.len(), "as many rows as features");
    listed.retain(|row| !table.contains(row));
    assert_eq!(listed, [""; 0], "features without a row in the table");
}

#[test]
fn the_page_of_the_crate_lists_each_feature_and_no_other() {
    let page = include_str!("../src/lib.rs").split_once("\n//! # Integrations\n");
    let table = page.expect("it has that heading").1.split("\n#![").next().expect("a first part");
    let rows = table.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), features().collect::<Vec<_>>());
}

#[test]
fn the_commands_of_the_readme_are_those_that_ci_runs() {
    for command in ["cargo test --all-features", "cargo run --release --example service"] {
        assert!(README.contains(&format!("\n{command} ")), "{command}");
        assert!(include_str!("../.ci/run").contains(command), "{command}");
    }
}

#[test]
fn the_readme_adds_the_crate_with_features_that_exist() {
    let lines =
        README.lines().filter_map(|line| line.strip_prefix("cargo add stackholm --features "));
    let asked: Vec<_> = lines.flat_map(|names| names.split(',')).collect();
    assert!(asked.contains(&"tokio"), "{asked:?}");
    for name in asked {
        assert!(features().any(|feature| feature == name), "there is no feature `{name}`");
    }
}

#[test]
fn what_the_readme_links_to_is_in_the_package() {
    let include =
        MANIFEST.split_once("\ninclude = [").expect("the manifest lists what is packed").1;
    let include = include.split(']').next().expect("the list ends");
    let links = README.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let links: Vec<_> = links.filter(|link| !link.is_empty() && !link.contains("://")).collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links {
        assert!(include.contains(&format!("\"/{link}\"")), "{link} is not in `include`");
    }
}

#[test]
fn the_readme_shows_a_picture_that_says_what_it_shows() {
    let picture = README.split_once("![").expect("there is a picture").1;
    let (alt, path) = picture.split_once("](").expect("it has a path");
    assert!(alt.len() > 40, "whoever cannot see it reads: {alt}");
    assert!(path.starts_with("docs/one-request.svg)"), "{path}");
}

/// The names in all `#[doc(alias(…))]` of a file or folder.
fn aliases(path: &Path) -> Vec<String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("it can be listed");
        return entries.flat_map(|entry| aliases(&entry.expect("it can be read").path())).collect();
    }
    let text = fs::read_to_string(path).expect("it is text");
    let lists = text.split("#[doc(alias(").skip(1).filter_map(|rest| rest.split(')').next());
    lists.flat_map(|list| list.split('"').skip(1).step_by(2)).map(String::from).collect()
}

#[test]
fn the_words_that_people_know_from_elsewhere_lead_to_an_item() {
    let aliases = aliases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let words = "task_local,MDC,contextvar,AsyncLocal,ScopedValue,dynamic scope,attach,fork,baggage,with_value,instrument,\
                 propagate";
    for word in words.split(',') {
        assert!(
            aliases.iter().any(|alias| alias == word),
            "nobody who searches for `{word}` finds anything"
        );
    }
}
