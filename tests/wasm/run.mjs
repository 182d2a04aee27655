// Runs each test of a program for WASI in an instance of its own, as the runner of cargo.
//
//     node run.mjs program.wasm
//
// A panic ends an instance, for nothing unwinds there, and there are no threads. So a test that needs either
// cannot pass; it stands in `needs-more.list`, by suite and name. One that stands there and passes is an error too.
import { closeSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { argv, exit, pid } from "node:process";
import { WASI } from "node:wasi";

const [, self, program] = argv;
const suite = basename(program).replace(/-[0-9a-f]+\.wasm$/, "");
const module = await WebAssembly.compile(readFileSync(program));
const list = readFileSync(join(dirname(self), "needs-more.list"), "utf8");
const needsMore = new Set(list.split("\n").filter((line) => line && !line.startsWith("#")));

/** What an instance prints, and whether it ended well. */
function run(...args) {
    const path = join(tmpdir(), `stackholm-wasm-${pid}`);
    const out = openSync(path, "w");
    const wasi = new WASI({ version: "preview1", args: [suite, ...args], stdout: out, stderr: out });
    let ok = false;
    try {
        ok = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject())) === 0;
    } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    }
    closeSync(out);
    return { ok, text: readFileSync(path, "utf8") };
}

const names = [...run("--list").text.matchAll(/^(.*): test$/gm)].map(([, name]) => name);
let [passed, left, wrong] = [0, 0, 0];
for (const name of names) {
    const { ok, text } = run("--exact", name, "--nocapture", "--test-threads=1");
    const isListed = needsMore.has(`${suite} ${name}`);
    if (ok === !isListed) {
        passed += ok ? 1 : 0;
        left += ok ? 0 : 1;
        continue;
    }
    wrong += 1;
    console.log(isListed ? `${suite} ${name} is listed, and passes` : `${suite} ${name} failed:\n${text}`);
}
console.log(`${suite}: ${passed} passed, ${left} need threads or unwinding, ${wrong} wrong`);
exit(names.length && !wrong ? 0 : 1);
