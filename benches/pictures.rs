//! Draws the pictures of the last runs once more, without measuring anything:
//! `cargo bench --manifest-path benches/Cargo.toml --bench pictures`.

use stackholm_benches::pictures::{draw, draw_reload};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    draw(&folder)?;
    draw_reload(&folder)
}
