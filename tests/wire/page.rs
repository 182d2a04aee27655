//! `docs/wire.md` names a test in each row, and each of them exists.

#[test]
fn each_row_of_the_page_names_a_test_that_exists() {
    let page = include_str!("../../docs/wire.md");
    let sources = [
        include_str!("main.rs"),
        include_str!("bytes.rs"),
        include_str!("grammar.rs"),
        include_str!("grpc.rs"),
        include_str!("limits.rs"),
        include_str!("services.rs"),
        include_str!("timeout.rs"),
        include_str!("trace.rs"),
    ]
    .concat();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let rows = rows.iter().filter(|row| !row.contains("| test |"));
    let mut count = 0;
    for row in rows {
        let name = row.trim_end_matches(" |").rsplit("| ").next().unwrap().trim_matches('`');
        assert!(sources.contains(&format!("fn {name}(")), "no test of that name: {row}");
        count += 1;
    }
    assert!(count >= 15, "only {count} rows");
}
