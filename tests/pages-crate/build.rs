//! Copies the pages, with each program that the crate's own doctests ignore switched on.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let out = env::var("OUT_DIR").expect("cargo says where");
    for page in ["cookbook.md", "migrating.md"] {
        let path = docs.join(page);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(path)?.replace("\n```rust,ignore\n", "\n```rust\n");
        fs::write(Path::new(&out).join(page), text)?;
    }
    Ok(())
}
