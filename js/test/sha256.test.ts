import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { Sha256 } from "../src/sha256.js";

test("the digest is that of another implementation, for every length around a block", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = randomBytes(length);
    assert.equal(new Sha256().update(bytes).hex(), createHash("sha256").update(bytes).digest("hex"), String(length));
  }
});

test("the split of what comes in does not matter", () => {
  const bytes = randomBytes(10_000);
  const whole = createHash("sha256").update(bytes).digest("hex");
  for (const size of [1, 7, 63, 64, 65, 1000]) {
    const digest = new Sha256();
    for (let at = 0; at < bytes.length; at += size) digest.update(bytes.subarray(at, at + size));
    assert.equal(digest.hex(), whole);
  }
});
