//! Each rule or invariant that is cited by number is in docs/engine.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The letters and digits in a row, split where anything else stands.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// Whether a word is such a number: one of these letters and one or two digits.
fn is_citation(word: &str) -> bool {
    let digits = word.strip_prefix(['R', 'I', 'S', 'L', 'K', 'N', 'C']);
    digits.is_some_and(|digits| {
        (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// What the page explains: the first cell of a row of a table.
fn explained(page: &str) -> BTreeSet<&str> {
    let first = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    first.filter(|word| is_citation(word)).collect()
}

/// What the comments of a source cite.
fn cited(source: &str) -> BTreeSet<&str> {
    let comments =
        source.lines().filter_map(|line| line.split_once("//").map(|(_, comment)| comment));
    comments.flat_map(words).filter(|word| is_citation(word)).collect()
}

#[test]
fn each_rule_and_invariant_that_a_comment_cites_stands_in_the_page_of_the_engine() {
    let page = fs::read_to_string(root().join("docs/engine.md")).unwrap();
    let explained = explained(&page);
    assert!(explained.len() > 25, "the tables are found: {explained:?}");
    let (mut paths, mut number) = (Vec::new(), 0);
    for folder in ["src", "tests", "loom-tests", "shuttle-tests", "fuzz/fuzz_targets"] {
        sources(&root().join(folder), &mut paths);
    }
    paths.retain(|path| path.file_stem() != Some("citations".as_ref()));
    for path in paths {
        let source = fs::read_to_string(&path).unwrap();
        for citation in cited(&source) {
            number += 1;
            assert!(
                explained.contains(citation),
                "{} cites {citation}, which docs/engine.md lacks",
                path.display()
            );
        }
    }
    assert!(number > 40, "citations are found, not only {number}");
}

#[test]
fn a_citation_that_leads_nowhere_is_noticed() {
    assert_eq!(
        cited("let x = 1; // as R99 says (I4)\n/// S1.\nlet R5 = 2;"),
        BTreeSet::from(["I4", "R99", "S1"])
    );
    assert_eq!(explained("| R1 | a rule |\n| word | R2 |\n"), BTreeSet::from(["R1"]));
}
