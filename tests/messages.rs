//! What a user reads when the compiler refuses a program: codes and texts of the cases in
//! `compile_fail_tests`.
//!
//! The doc tests there show that each case is refused and that its twin is not. On a stable
//! compiler they do not show why. So each case is compiled here again, against the library that
//! this test was built with, and its message is compared. Texts change between compilers, so they
//! are compared with the one named in [`KNOWN`] only.

#[path = "common/skipped.rs"]
mod skipped;

use skipped::skipped;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler whose texts the cases quote.
const KNOWN: &str = "rustc 1.95.";

/// One case: a program that is refused, and one that is not.
#[derive(Debug, Default)]
struct Case {
    name: String,
    code: Option<String>,
    says: Vec<String>,
    refused: String,
    twin: String,
}

/// The cases of a file: each is what stands before an item.
fn cases(text: &str) -> Vec<Case> {
    let (mut cases, mut case, mut within) = (Vec::new(), Case::default(), 0);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("pub struct ") {
            case.name = name.trim_end_matches(';').to_string();
            cases.push(std::mem::take(&mut case));
            within = 0;
            continue;
        }
        let line =
            line.strip_prefix("///").map_or("", |line| line.strip_prefix(' ').unwrap_or(line));
        match (line.strip_prefix("```"), line.strip_prefix("Says: ")) {
            (Some(fence), _) => {
                within += 1;
                if within == 1 {
                    case.code =
                        fence.split(',').find(|word| word.starts_with("E0")).map(String::from);
                }
            }
            (_, Some(says)) => case.says.push(says.to_string()),
            _ if within == 1 => case.refused += &format!("{line}\n"),
            _ if within == 3 => case.twin += &format!("{line}\n"),
            _ => {}
        }
    }
    cases
}

/// A way to compile against the library.
struct Compiler {
    rustc: String,
    library: PathBuf,
    out: PathBuf,
}

impl Compiler {
    /// What the compiler says about a program that stands in `main`.
    fn check(&self, name: &str, body: &str) -> Result<(), String> {
        let (attributes, rest): (Vec<_>, Vec<_>) =
            body.lines().partition(|line| line.starts_with("#!["));
        let program = format!("{}\nfn main() {{\n{}\n}}\n", attributes.join("\n"), rest.join("\n"));
        let file = self.out.join(format!("{name}.rs"));
        fs::write(&file, program).expect("a place for the program");
        let done = Command::new(&self.rustc)
            .args(["--edition", "2024", "--emit", "metadata", "--color", "never", "-o"])
            .arg(file.with_extension("rmeta"))
            .arg("--extern")
            .arg(format!("stackholm={}", self.library.display()))
            .arg("-L")
            .arg(format!("dependency={}", self.library.parent().expect("a folder").display()))
            .arg(&file)
            .output()
            .expect("a compiler");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(said) }
    }

    /// The library beside this test that the compiler can read; of several the newest.
    fn find(out: &Path) -> Option<Compiler> {
        let folder = env::current_exe().ok()?.parent()?.to_path_buf();
        let is_library = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libstackholm-") && name.ends_with(".rlib")
        };
        let mut found: Vec<PathBuf> = fs::read_dir(&folder)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(is_library)
            .collect();
        found.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
        let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        found.into_iter().rev().find_map(|library| {
            let compiler = Compiler { rustc: rustc.clone(), library, out: out.to_path_buf() };
            compiler
                .check("control", "let _ = stackholm::Context::current();")
                .is_ok()
                .then_some(compiler)
        })
    }

    fn version(&self) -> String {
        let done = Command::new(&self.rustc).arg("--version").output().expect("a compiler");
        String::from_utf8_lossy(&done.stdout).trim().to_string()
    }
}

#[test]
fn each_refused_program_is_refused_for_its_reason_and_its_twin_is_not() {
    let text = include_str!("../src/compile_fail_tests.rs");
    let cases = cases(text);
    assert_eq!(cases.len(), text.matches("```compile_fail").count(), "each case is read");
    assert!(!cases.is_empty());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages");
    fs::create_dir_all(&out).expect("a place for the programs");
    let Some(compiler) = Compiler::find(&out) else {
        return skipped(
            "no library beside this test that `rustc` can read; no refused program was compiled",
        );
    };
    let knows_texts = compiler.version().starts_with(KNOWN);
    if !knows_texts {
        skipped(&format!(
            "the texts of refused programs are those of {KNOWN}x, this is {}",
            compiler.version()
        ));
    }
    for case in &cases {
        assert!(!case.says.is_empty(), "{} quotes no message", case.name);
        if let Err(said) = compiler.check(&case.name, &case.twin) {
            panic!("the twin of {} is refused:\n{said}", case.name);
        }
        let said = compiler.check(&case.name, &case.refused).expect_err(&case.name);
        if let Some(code) = &case.code {
            assert!(
                said.contains(&format!("error[{code}]")),
                "{} is refused otherwise:\n{said}",
                case.name
            );
        }
        for says in case.says.iter().filter(|_| knows_texts) {
            assert!(said.contains(says.as_str()), "{} does not say {says:?}:\n{said}", case.name);
        }
    }
}
