"""The work of `scripts/mutants`: builds all changes into one program; an environment variable
selects one of them.

What no test notices is counted: `benches/instructions.rs` runs with it, and a row that needs more
instructions than the allowance of `benches/check-instructions` is a notice too.

It runs in a copy of the package, where `cargo mutants --list` says what to change. Each change
becomes a branch of the source, `if mutant(7) { a || b } else { a && b }`; those that do not compile
are taken out again. Then the tests run once for each change, until one fails.
"""

import collections, concurrent.futures, glob, json, os, pathlib, re, resource, shutil, signal, subprocess, sys, time
import tree_sitter, tree_sitter_rust

RUST = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
ROOT = pathlib.Path.cwd()
TARGET, TESTS = sys.argv[1], sys.argv[2].split()
# A log of an earlier run: only what was not noticed then is tried.
AGAIN = os.environ.get("AGAIN")
ALLOWANCE = 1 + int(re.search(r"^allowance=(\d+)", ROOT.joinpath("benches/check-instructions").read_text(), re.M)[1]) / 100
BUILD = dict(os.environ, RUSTFLAGS="--cap-lints warn", CARGO_PROFILE_DEV_DEBUG="0", CARGO_PROFILE_DEV_OPT_LEVEL="1")

SWITCH = """
pub(crate) static MUTANT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
#[inline(always)]
pub(crate) fn mutant(number: u32) -> bool {
    MUTANT.load(std::sync::atomic::Ordering::Relaxed) == number
}
extern "C" fn choose_mutant() {
    if let Ok(number) = std::env::var("STACKHOLM_MUTANT") {
        MUTANT.store(number.parse().unwrap(), std::sync::atomic::Ordering::Relaxed);
    }
}
#[used]
#[unsafe(link_section = ".init_array")]
static CHOOSE: extern "C" fn() = choose_mutant;
"""

KINDS = {
    "BinaryOperator": ("binary_expression", "compound_assignment_expr"),
    "UnaryOperator": ("unary_expression",),
    "FnValue": ("function_item",),
    "StructField": ("field_initializer", "shorthand_field_initializer"),
    "MatchArmGuard": ("match_arm",),
    "MatchArm": ("match_arm",),
}


class Source:
    """One file, and the changes that are to be woven into it."""

    def __init__(self, text):
        self.text = text
        self.tree = RUST.parse(text)
        self.changes = collections.defaultdict(list)

    def offset(self, place):
        line = self.text.split(b"\n")[: place["line"]]
        return sum(len(l) + 1 for l in line[:-1]) + len(line[-1].decode()[: place["column"] - 1].encode())

    def node(self, mutant):
        """The part of the source that a mutant changes; none if it is evaluated when it is compiled,
        if what is returned would have another type, or if a match would not be exhaustive any more."""
        at, found, genre = self.offset(mutant["span"]["start"]), None, mutant["genre"]
        end = at + 1 if genre == "StructField" else self.offset(mutant["span"]["end"])
        cursor = [self.tree.root_node]
        while cursor:
            node = cursor.pop()
            if node.start_byte <= at and node.end_byte >= end:
                found = node if node.type in KINDS[genre] else found
                cursor += node.children
        returned = found and found.child_by_field_name("return_type")
        if mutant["genre"] == "FnValue" and returned and b"impl " in returned.text:
            return None
        if mutant["genre"] == "MatchArm" and found and not any(
            arm.type == "match_arm" and arm.child_by_field_name("pattern").text == b"_" for arm in found.parent.children
        ):
            return None
        outer = found
        while outer:
            modifiers = [c for c in outer.children if c.type == "function_modifiers"] if outer.type == "function_item" else []
            if outer.type in ("const_item", "static_item", "const_block", "array_type", "token_tree") or any(
                b"const" in m.text for m in modifiers
            ):
                return None
            outer = outer.parent
        return found

    def write(self, node, instead={}):
        parts, at = [], node.start_byte
        for child in node.children:
            parts += [self.text[at : child.start_byte].decode(), instead.get(child.id) or self.woven(child)]
            at = child.end_byte
        return "".join(parts) + self.text[at : node.end_byte].decode()

    def woven(self, node):
        changes = self.changes.get(node.id)
        if not changes:
            return self.write(node)
        genre, field = changes[0]["genre"], node.child_by_field_name
        either = lambda what, otherwise: "(%s{ %s })" % (
            "".join("if crate::mutant(%d) {\n/*@%d@*/ %s\n} else " % (m["n"], m["n"], what(m)) for m in changes),
            otherwise,
        )
        if genre == "BinaryOperator":
            left, right = self.woven(field("left")), self.woven(field("right"))
            shape = "%s %s %s" if node.type == "compound_assignment_expr" else "(%s) %s (%s)"
            with_operator = lambda operator: shape % (left, operator, right)
            return either(lambda m: with_operator(m["replacement"]), with_operator(field("operator").text.decode()))
        if genre == "UnaryOperator":
            inner = self.woven(node.children[-1])
            return either(lambda m: inner, "%s(%s)" % (node.text.decode()[0], inner))
        if genre == "FnValue":
            body = field("body")
            early = ("if crate::mutant(%d) {\n/*@%d@*/ return %s;\n} " % (m["n"], m["n"], m["replacement"]) for m in changes)
            return self.write(node, {body.id: "{ %s%s }" % ("".join(early), self.woven(body))})
        if genre == "StructField":
            base = next(c for c in node.parent.children if c.type == "base_field_initializer").children[-1]
            name, value = node.children[0].text.decode(), field("value")
            value = self.woven(value) if value else name
            return "%s: %s" % (name, either(lambda m: "(%s).%s" % (self.woven(base), name), value))
        pattern = field("pattern")
        guard = pattern.child_by_field_name("condition")
        gone = "".join("!crate::mutant(%d) && " % m["n"] for m in changes if m["genre"] == "MatchArm")
        if not guard:
            return self.write(node, {pattern.id: "%s if %strue" % (self.write(pattern), gone)})
        changes = [m for m in changes if m["genre"] == "MatchArmGuard"]
        text = gone + either(lambda m: m["replacement"], self.woven(guard))
        return self.write(node, {pattern.id: self.write(pattern, {guard.id: text})})


def weave(mutants, originals, without):
    sources = {}
    for m in mutants:
        source = sources.setdefault(m["file"], Source(originals[m["file"]]))
        node = source.node(m)
        m["verdict"] = "does not compile" if m["n"] in without else "woven" if node else "cannot be woven"
        if m["verdict"] == "woven":
            source.changes[node.id].append(m)
    for file, source in sources.items():
        root = source.tree.root_node
        ROOT.joinpath(file).write_text(source.text[: root.start_byte].decode() + source.woven(root))
    ROOT.joinpath("src/lib.rs").write_text(originals["src/lib.rs"].decode() + SWITCH)


TESTED = ["--all-features", "--target-dir", TARGET]
COUNTED = ["--manifest-path", "benches/Cargo.toml", "--no-default-features", "--bench", "instructions"]
COUNTED += ["--target-dir", os.path.join(TARGET, "benches")]


def cargo(*arguments):
    command = ["cargo", *arguments, "--message-format=json"]
    done = subprocess.run(command, env=BUILD, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.returncode == 0, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def offenders(messages):
    """Which mutants the compiler's errors lie in."""
    for message in (m["message"] for m in messages if m.get("reason") == "compiler-message"):
        for span in message["spans"] if message["level"] == "error" else ():
            if span["is_primary"]:
                lines = ROOT.joinpath(span["file_name"]).read_text().split("\n")[span["line_start"] - 1 : span["line_end"]]
                yield from map(int, re.findall(r"/\*@(\d+)@\*/", "\n".join(lines)))


def run(program, number, limit):
    def confined():
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))

    began, env = time.time(), dict(os.environ, RUST_BACKTRACE="0", STACKHOLM_CASES="60")
    if number:
        env["STACKHOLM_MUTANT"] = str(number)
    with subprocess.Popen([program], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=confined) as p:
        try:
            output, status = p.communicate(timeout=limit)[0].decode(errors="replace"), p.returncode
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            output, status = p.communicate()[0].decode(errors="replace"), "no end"
    return status, time.time() - began, re.findall(r"^test (\S+) \.\.\. FAILED", output, re.M)


def counter():
    """A function that gives the instructions of each operation of the core with a mutant, or none where
    they cannot be counted."""
    if not shutil.which("valgrind"):
        print("SKIPPED: no valgrind, so no instructions are counted", flush=True)
        return None
    _, messages = cargo("bench", "--no-run", *COUNTED)
    program = next(m["executable"] for m in messages if m.get("executable"))

    def count(number):
        env = dict(os.environ, STACKHOLM_MUTANT=str(number))
        try:
            counted = subprocess.run([program], env=env, stdout=subprocess.PIPE, text=True, timeout=600)
        except subprocess.TimeoutExpired:
            return None
        return {name: float(count) for name, count in (line.split() for line in counted.stdout.splitlines())}

    return count


def main():
    listed = subprocess.run(["cargo", "mutants", "--list", "--json", "--all-features", *sys.argv[3:]], stdout=subprocess.PIPE)
    mutants = json.loads(listed.stdout)
    if AGAIN:
        lines = pathlib.Path(AGAIN).read_text().splitlines()
        before = {line.removeprefix("NOT NOTICED ").strip() for line in lines if line.startswith("NOT NOTICED ")}
        mutants = [m for m in mutants if m["name"] in before]
    for n, m in enumerate(mutants, 1):
        m["n"] = n
    originals = {str(file): ROOT.joinpath(file).read_bytes() for file in glob.glob("src/**/*.rs", recursive=True)}
    without, compiles = set(), False
    while not compiles:
        weave(mutants, originals, without)
        compiles, messages = cargo("check", "--lib", *TESTED)
        if compiles:
            # With other features some of the sources are others.
            compiles, messages = cargo("check", *COUNTED)
        found = set(offenders(messages))
        if not compiles and not found:
            errors = [m["message"]["rendered"] for m in messages if m.get("reason") == "compiler-message" and m["message"]["level"] == "error"]
            sys.exit("what was woven does not compile, and no mutant is to blame:\n" + "\n".join(errors[:5]))
        without |= found
    built, messages = cargo("test", "--no-run", *TESTS, *TESTED)
    if not built:
        sys.exit("the tests do not compile")
    programs = [m["executable"] for m in messages if m.get("executable") and m.get("profile", {}).get("test")]
    count = counter()
    counts = count and count(0)
    if count and not counts:
        sys.exit("the instructions are not counted without a mutant")
    usual = {}
    for program in programs:
        status, usual[program], failed = run(program, 0, 600)
        if status:
            sys.exit(f"{program} fails without a mutant: {failed or status}")
    lately = {}

    def is_more(now):
        """The row that the count of instructions fails by, if there is one."""
        if not now or now.keys() != counts.keys():
            return "instructions: a row is gone"
        row = max(counts, key=lambda row: now[row] / counts[row])
        if now[row] > ALLOWANCE * counts[row]:
            return f"instructions: {row} {now[row]:.0f} for {counts[row]:.0f}"

    def judge(m):
        """What noticed the last changes of a file is asked first, then what takes the least time."""
        first = lately.setdefault(m["file"], [])
        verdict = "NOT NOTICED"
        for program in sorted(programs, key=lambda program: (-first.count(program), usual[program])):
            status, _, failed = run(program, m["n"], max(10, 5 * usual[program]))
            if status:
                lately[m["file"]] = [*first, program][-8:]
                verdict = "noticed"
                m["by"] = failed[0] if failed else f"{os.path.basename(program)}: {status}"
                break
        if verdict == "NOT NOTICED" and counts:
            more = is_more(count(m["n"]))
            if more:
                verdict, m["by"] = "noticed", more
        m["verdict"] = verdict
        print(m["verdict"], m["name"], m.get("by", ""), flush=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as several:
        list(several.map(judge, [m for m in mutants if m["verdict"] == "woven"]))
    for m in mutants:
        if m["verdict"] == "cannot be woven":
            print("NOT TRIED", m["name"])
    print(*(f"{number} {verdict}" for verdict, number in collections.Counter(m["verdict"] for m in mutants).items()), sep=", ")


main()
