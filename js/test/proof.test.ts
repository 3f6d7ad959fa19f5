import assert from "node:assert/strict";
import { test } from "node:test";
import made from "./data/proofs.json" with { type: "json" };
import { check, read, type Proof } from "../src/proof.js";

// Proofs that a ledger of this house made (isthmus.ledger.proof), over 200 receipts in eight signed groups.
const proofs = made.proofs as Proof[];

test("every proof of a real ledger holds, up to the node's signature", async () => {
  for (const proof of proofs) {
    const verdict = await check(proof, made.key);
    assert.equal(verdict.failed, "");
    assert.deepEqual(verdict.held, ["leaf", "path", "signature", "node"]);
    assert.ok(verdict.number < verdict.size);
  }
});

test("a proof whose receipt was altered by one letter fails at its leaf", async () => {
  for (const proof of proofs) {
    assert.equal((await check({ ...proof, payload: proof.payload.replace("local/m", "local/n") }, made.key)).failed, "leaf");
  }
});

test("a path with one hash changed, missing or added, and another number fail", async () => {
  const proof = proofs[1];
  const { path } = proof.shard;
  const flipped = path[0].replace(/^./, (sign) => (sign === "0" ? "1" : "0"));
  for (const other of [[flipped, ...path.slice(1)], path.slice(1), [...path, flipped], []]) {
    assert.equal((await check({ ...proof, shard: { ...proof.shard, path: other } }, made.key)).failed, "path");
  }
  for (const number of [proof.shard.number + 1, -1, 1e9]) {
    assert.equal((await check({ ...proof, shard: { ...proof.shard, number } }, made.key)).failed, "path");
  }
});

test("a checkpoint that another key signed, or that was changed after it was signed, fails", async () => {
  const other = { node: made.key.node, public: Buffer.from(await crypto.subtle.exportKey("raw", (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair).publicKey)).toString("base64") };
  assert.equal((await check(proofs[0], other)).failed, "signature");
  const later = { ...proofs[0], shard: { ...proofs[0].shard, checkpoint: proofs[0].shard.checkpoint.replace(/\nat \d/, "\nat 9") } };
  assert.equal((await check(later, made.key)).failed, "signature");
  const above = { ...proofs[0], node: { ...proofs[0].node!, checkpoint: proofs[0].node!.checkpoint.replace(/\nat \d/, "\nat 9") } };
  assert.equal((await check(above, made.key)).failed, "node");
});

test("without the node's log, the shard's own signature is what holds", async () => {
  assert.deepEqual((await check({ ...proofs[2], node: null }, made.key)).held, ["leaf", "path", "signature"]);
});

test("what is no checkpoint is none", () => {
  for (const note of ["", "a\nb\nc", "o\n5\nAAAA\nchain x\nat 1\n\n"]) assert.equal(read(note), null);
});
