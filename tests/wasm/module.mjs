// Calls the module of `src/lib.rs`: what a page does, without a page.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { argv } from "node:process";

const { instance } = await WebAssembly.instantiate(readFileSync(argv[2]));
const { begin, turn, end } = instance.exports;
begin();
assert.equal(turn(), 3, "each task waits for the next turn");
assert.equal(turn(), 0, "each task is ready");
assert.equal(end(), 2);
console.log("a module without a system: 2 tasks saw their own user, over two polls");
