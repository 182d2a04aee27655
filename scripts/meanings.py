"""The work of `scripts/meanings`: makes one change after the other in a copy of the package, and
builds and tests it.

A change replaces a text that is in `src/` exactly once. It does not name the file, so files may
move. It names the test that should notice. If that test passes, all the suites of TESTS are run.
"""

import os, pathlib, re, resource, signal, subprocess, sys, time, tomllib

ROOT = pathlib.Path.cwd()
CHANGES = tomllib.loads(ROOT.joinpath("scripts/meanings.toml").read_text())["change"]
INTO = ROOT / "target/meanings"
COPY = INTO / "copy"
LIMIT = 300
ENV = dict(os.environ, CARGO_TARGET_DIR=str(ROOT / "target"), CARGO_PROFILE_DEV_DEBUG="0", RUST_BACKTRACE="0")


def pattern(old):
    """Finds a text however rustfmt breaks it: spaces do not matter, nor a comma before a bracket."""
    tokens = re.findall(r"\w+|[^\w\s]", old)
    joined = [r"(?:,\s*)?" * (token in ")]}") + re.escape(token) for token in tokens]
    return re.compile(r"\s*".join(joined))


def place(old):
    """The one file of `src/` that has this text, and why there is none."""
    files = ROOT.glob("src/**/*.rs")
    found = [(file, n) for file in files if (n := len(pattern(old).findall(file.read_text())))]
    number = sum(count for _, count in found)
    return (found[0][0], "") if number == 1 else (None, f"its text is found {number} times, not once")


def copy():
    COPY.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["git", "ls-files", "-zco", "--exclude-standard"], stdout=subprocess.PIPE, check=True).stdout
    files = [name for name in listed.decode().split("\0") if name and ROOT.joinpath(name).is_file()]
    for old in COPY.glob("src/**/*.rs"):
        if str(old.relative_to(COPY)) not in files:
            old.unlink()
    for name in files:
        new, old = ROOT.joinpath(name).read_bytes(), COPY / name
        # A file that is the same is left alone: nothing is to be built anew for it.
        if not old.exists() or old.read_bytes() != new:
            old.parent.mkdir(parents=True, exist_ok=True)
            old.write_bytes(new)


def cargo(*arguments, limit=1800):
    """How it ended, and what it said; a program that does not end has been stopped."""

    def confined():
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    command = ["cargo", "test", "--all-features", *arguments]
    with subprocess.Popen(command, cwd=COPY, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=confined) as p:
        try:
            return p.communicate(timeout=limit)[0].decode(errors="replace"), p.returncode
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            return p.communicate()[0].decode(errors="replace"), "no end"
        except BaseException:
            # Whoever stops this stops what it started.
            os.killpg(p.pid, signal.SIGKILL)
            raise


def suite(name):
    return ["--lib"] if name == "lib" else ["--test", name]


def test(suites, name=""):
    """What failed; `None` if nothing did."""
    built, status = cargo(*suites, "--no-run")
    if status != 0:
        sys.exit(f"does not compile:\n{built}")
    said, status = cargo(*suites, "--", *filter(None, [name]), limit=LIMIT if name else 10 * LIMIT)
    if name and " 0 passed; 0 failed" in said and f"test {name}" not in said and status == 0:
        sys.exit(f"there is no test {name} in {suites}")
    failed = [line.split()[1] for line in said.splitlines() if line.startswith("test ") and line.endswith("FAILED")]
    return None if status == 0 else failed[0] if failed else f"{suites[-1]}: {'no end' if status == 'no end' else 'died'}"


def main():
    words = [word for word in sys.argv[1:] if word not in ("--stale", "--named")]
    chosen = [c for c in CHANGES if not words or any(word in c["does"] + " " + c["by"] for word in words)]
    stale = [f"STALE {c['does']}: {why}" for c in chosen if (why := place(c["old"])[1])]
    print(*stale, f"{len(chosen)} changes, {len(stale)} stale", sep="\n")
    if stale or "--stale" in sys.argv or not chosen:
        sys.exit(bool(stale) or not chosen)
    copy()
    missed = 0
    for by in sorted({c["by"] for c in chosen if c["by"]}):
        name, _, which = by.partition("::")
        if failed := test(suite(name), which):
            sys.exit(f"without a change {failed} fails")
    for c in chosen:
        began, file = time.time(), place(c["old"])[0]
        text, changed = file.read_text(), COPY / file.relative_to(ROOT)
        changed.write_text(pattern(c["old"]).sub(lambda _: c["new"], text))
        try:
            name, _, which = c["by"].partition("::")
            by = test(suite(name), which) if name else None
            expected = "" if by else " by another test than the table says"
            by = by or "--named" not in sys.argv and test([word for name in os.environ["TESTS"].split() for word in suite(name)])
        finally:
            changed.write_text(text)
        missed += not by
        print(f"{'noticed' + (expected if c['by'] else '') if by else 'NOT NOTICED'}: {c['does']}: {by or ''}", end="")
        print(f", {time.time() - began:.0f} s", flush=True)
    print(f"{len(chosen) - missed} noticed, {missed} not noticed")
    sys.exit(bool(missed))


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main()
