import assert from "node:assert/strict";
import { test } from "node:test";
import { misses } from "../src/gate.js";

const it = (feature: string, input: string, output: string, more = {}) => misses({ feature, input, output, language: "", context: "", finish: "stop", ...more });

test("a good answer passes", () => {
  assert.deepEqual(it("rewrite", "Send me the 3 files on Monday.", "Could you please send me the three files on Monday?"), []);
  assert.deepEqual(it("translate", "会议改到周一九点。", "The meeting was moved to Monday at 9:00.", { language: "en" }), []);
  assert.deepEqual(it("summarize", "The library is closed from 3 to 10 August for repairs to the roof, books go to the hall.", "Library closed 3 to 10 August."), []);
});

test("a lost or invented number, a lost day, a copy, a loop and a refusal are found", () => {
  assert.equal(it("rewrite", "Pay 50 euros.", "Please pay the euros.").length, 1);
  assert.equal(it("rewrite", "Pay the rent, please, soon.", "Please pay the 40 euros of rent soon.").length, 1);
  assert.equal(it("translate", "周一开会。", "There is a meeting.", { language: "en" }).length, 1);
  assert.ok(it("rewrite", "Hello there, Ann!", "hello there ann").includes("it is a copy of the source"));
  assert.ok(it("write", "a poem", "It is so. It is so. It is so. It is so.").includes("it repeats itself"));
  assert.ok(it("summarize", "x".repeat(90), "I'm sorry, I cannot do that").includes("the model declined"));
});

test("another language, a cut end, too long and too short are found", () => {
  assert.ok(it("translate", "Good morning, everyone.", "Good morning, everyone!!", { language: "zh" }).length >= 1);
  assert.ok(it("assistant", "hi", "and then", { finish: "length" }).includes("it was cut off at its longest length"));
  assert.ok(it("summarize", "short text of some words here", "a".repeat(200)).includes("it is too long"));
  assert.ok(it("rewrite", "word ".repeat(40), "word", { length: "as-is" }).includes("it is too short"));
});

test("numbers in words and on the other clock are the same numbers", () => {
  assert.deepEqual(it("rewrite", "下午5点有12个人来。", "十七点，十二人到。"), []);
  assert.deepEqual(it("rewrite", "We are nine at 21:30 tonight.", "Nine of us come at half past 9 tonight."), []);
});
