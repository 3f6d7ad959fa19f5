// The check of a proof, in this browser: SHA-256 and Ed25519 alone (RFC 9162, 2.1.3.2; C2SP tlog-checkpoint, signed-note).

export type Step = { number: number; chain: string; leaf: string; path: string[]; checkpoint: string };
export type Proof = { payload: string; shard: Step; node: Step | null };
export type Provable = { node: string; public: string; proof: Proof };
export type Tick = { what: string; hash: string; good: boolean };

const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (data: Uint8Array) => [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const unbase = (text: string) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
const join = (...parts: Uint8Array[]) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
const sha = async (...parts: Uint8Array[]) => new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));

type Note = { origin: string; size: bigint; root: string; body: Uint8Array; signature: Uint8Array };

function note(text: string): Note {
  const [body = "", tail = ""] = text.split("\n\n");
  const [origin = "", size = "0", root = ""] = body.split("\n");
  const signature = unbase((tail.split("\n")[0] ?? "").split(" ").at(-1) ?? "");
  return { origin, size: BigInt(size), root: hex(unbase(root)), body: bytes(`${body}\n`), signature: signature.slice(4) };
}

async function climb(step: Step, payload: string, ticks: Tick[], what: string): Promise<boolean> {
  const leaf = await sha(Uint8Array.of(0), unhex(step.chain), bytes(payload));
  ticks.push({ what: `${what} is entry ${step.number}`, hash: hex(leaf), good: hex(leaf) === step.leaf });
  const { size, root } = note(step.checkpoint);
  let [fn, sn, hash] = [BigInt(step.number), size - 1n, leaf];
  for (const sibling of step.path) {
    if (sn === 0n) return false;
    const other = unhex(sibling);
    if (fn & 1n || fn === sn) {
      hash = await sha(Uint8Array.of(1), other, hash);
      while (!(fn & 1n) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      hash = await sha(Uint8Array.of(1), hash, other);
    }
    fn >>= 1n;
    sn >>= 1n;
    ticks.push({ what: "joined with its sibling", hash: hex(hash), good: true });
  }
  const good = sn === 0n && hex(hash) === root;
  ticks.push({ what: `root of the ${what === "this entry" ? "shard" : "node"} over ${size} entries`, hash: root, good });
  return good;
}

async function signed(step: Step, key: Uint8Array, ticks: Tick[], what: string): Promise<void> {
  const { body, signature } = note(step.checkpoint);
  try {
    const known = await crypto.subtle.importKey("raw", key as BufferSource, "Ed25519", false, ["verify"]);
    const good = await crypto.subtle.verify("Ed25519", known, signature as BufferSource, body as BufferSource);
    ticks.push({ what: `${what} is signed by the node`, hash: hex(signature).slice(0, 64), good });
  } catch {
    ticks.push({ what: `${what}: this browser cannot check Ed25519`, hash: "", good: false });
  }
}

/** Every hash on the way, each ticked or not. The proof holds when all are good. */
export async function check(given: Provable): Promise<Tick[]> {
  const ticks: Tick[] = [];
  const key = unbase(given.public);
  await climb(given.proof.shard, given.proof.payload, ticks, "this entry");
  await signed(given.proof.shard, key, ticks, "the shard's checkpoint");
  if (given.proof.node) {
    await climb(given.proof.node, given.proof.shard.checkpoint, ticks, "the shard's checkpoint");
    await signed(given.proof.node, key, ticks, "the node's checkpoint");
  }
  return ticks;
}
