import assert from "node:assert/strict";
import { test } from "node:test";
import { applied as make, changes, correctionType } from "../src/diff.js";

function applied(before: string, after: string): string {
  const found = changes(before, after);
  for (const change of found) assert.equal(before.slice(change.start, change.end), change.removed);
  return make(before, found);
}

test("the changes make one text out of the other", () => {
  const pairs = [
    ["I has a dog.", "I have a dog."],
    ["合同周一已经受到，其中缺小第三页。", "合同周一已经收到，其中缺少第三页。"],
    ["", "new"],
    ["gone", ""],
    ["so that me and Ana can sign", "so that Ana and I can sign"],
    ["same", "same"],
    ["a 😀 b", "a 😁 b"],
    ["line one\nline too", "line one\nline two\n"],
  ];
  for (const [before, after] of pairs) assert.equal(applied(before, after), after);
});

test("random edits are always found again", () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  const words = ["a", "the", "猫", "在", "dog", " ", ",", "runs", "。"];
  const text = () => Array.from({ length: random(14) }, () => words[random(words.length)]).join("");
  for (let round = 0; round < 400; round++) {
    const [before, after] = [text(), text()];
    assert.equal(applied(before, after), after);
  }
});

test("equal texts have no changes", () => assert.deepEqual(changes("一样的 text", "一样的 text"), []));

test("a wrong Chinese character is one change at its place", () => {
  assert.deepEqual(changes("已经受到了", "已经收到了"), [{ start: 2, end: 3, removed: "受", added: "收" }]);
});

test("a text too long for the table is one change", () => {
  const [before, after] = ["x ".repeat(3000), "y ".repeat(3000)];
  assert.equal(changes(before, after).length, 1);
  assert.equal(applied(before, after), after);
});

test("types follow what changed", () => {
  const type = (removed: string, added: string) => correctionType({ start: 0, end: removed.length, removed, added });
  assert.equal(type("recieved", "received"), "spelling");
  assert.equal(type("monday", "Monday"), "capitalization");
  assert.equal(type("well", "well,"), "punctuation");
  assert.equal(type("me and Ana", "Ana and I"), "grammar");
  assert.equal(type("was", "were"), "grammar");
});
