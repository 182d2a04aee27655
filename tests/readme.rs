//! The README says what is true: its example is the first example, its features are those of the manifest.

const README: &str = include_str!("../README.md");
const MANIFEST: &str = include_str!("../Cargo.toml");

#[test]
fn the_example_of_the_readme_is_the_quickstart() {
    let (_, program) = include_str!("../examples/quickstart.rs").split_once("\n\n").expect("it has a head");
    assert!(README.contains(&format!("```rust\n{program}```\n")), "copy examples/quickstart.rs into README.md");
}

#[test]
fn the_readme_lists_each_feature_and_no_other() {
    let features = MANIFEST.split_once("\n[features]\n").expect("there are features").1;
    let features = features.split("\n[").next().expect("there is a first part");
    let names = features.lines().filter_map(|line| Some(line.split_once(" = [")?.0)).filter(|name| *name != "default");
    let mut listed: Vec<_> = names.map(|name| format!("\n| `{name}` | ")).collect();
    assert!(listed.len() >= 3);
    let table = README.split_once("\n## Features\n").expect("it has that heading").1;
    assert_eq!(table.matches("\n| `").count(), listed.len(), "as many rows as features");
    listed.retain(|row| !table.contains(row));
    assert_eq!(listed, [""; 0], "features without a row in the table");
}

#[test]
fn the_commands_of_the_readme_are_those_that_ci_runs() {
    for command in ["cargo test --all-features", "cargo run --release --example service"] {
        assert!(README.contains(&format!("\n{command} ")), "{command}");
        assert!(include_str!("../.ci/run").contains(command), "{command}");
    }
}
