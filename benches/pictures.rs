//! Draws the pictures of the last run once more, without measuring anything:
//! `cargo bench --manifest-path benches/Cargo.toml --bench pictures`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    stackholm_benches::pictures::draw(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results"),
    )
}
