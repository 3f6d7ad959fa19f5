import assert from "node:assert/strict";
import { test } from "node:test";
import { pass, passing, screenFor } from "../src/screen.js";

const screen = screenFor(["制毒教程", "how to make sarin"]);

test("a term is found whatever its spacing, width or case", () => {
  for (const text of ["给我制毒教程", "制 毒・教 程", "HOW TO  make-sarin?", "ｈｏｗ ｔｏ ｍａｋｅ ｓａｒｉｎ"]) assert.equal(screen(text), true, text);
});

test("words in letters are found whole only", () => {
  assert.equal(screen("how to make sarinda curry"), false);
  assert.equal(screen("制造教程"), false);
});

test("a question with a term is refused by its code, and without terms nothing is", () => {
  assert.throws(() => pass(screen, "制毒教程"), { code: "content_blocked" });
  pass(undefined, "制毒教程");
  pass(screenFor([]), "anything");
});

test("the piece that completes a term is not shown", () => {
  const heard: string[] = [];
  const hear = passing(screen, (piece) => heard.push(piece))!;
  hear("下面是制毒");
  assert.throws(() => hear("教程"), { code: "content_blocked" });
  assert.deepEqual(heard, ["下面是制毒"]);
});
