// Whether a receipt stands in the ledger, worked out here: hashes and a signature, with the browser's own WebCrypto.
//
//     chain, payload --leaf--> [inclusion path] --> root, stated in a signed checkpoint (a note)
//
// Nothing of the server is believed but its public key, which is kept from the first time it was seen.
// Source: RFC 9162 sections 2.1.1 and 2.1.3.2; C2SP tlog-checkpoint and signed-note; RFC 8032 (Ed25519).

export interface Step {
  number: number;
  chain: string;
  leaf: string;
  path: string[];
  checkpoint: string;
}

export interface Proof {
  payload: string;
  shard: Step;
  node: Step | null;
}

/** A ledger's name and its Ed25519 public key, base64. */
export interface LedgerKey {
  node: string;
  public: string;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Uint8Array;
  /** When it was signed, ms since 1970. */
  at: number;
}

export interface Verdict {
  /** Which checks held, in order. */
  held: ("leaf" | "path" | "signature" | "node")[];
  /** "" when all held; else the first that did not: leaf, path, signature, node, unsupported. */
  failed: "" | "leaf" | "path" | "signature" | "node" | "unsupported";
  /** The entry's position and the size of the log it was proved in. */
  number: number;
  size: number;
  at: number;
}

/** Check a proof against a ledger's key. */
export async function check(proof: Proof, key: LedgerKey): Promise<Verdict> {
  const verdict: Verdict = { held: [], failed: "", number: proof.shard.number, size: 0, at: 0 };
  const fail = (failed: Verdict["failed"]) => ({ ...verdict, failed });
  let public_: CryptoKey;
  try {
    public_ = await crypto.subtle.importKey("raw", bytes64(key.public), { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return fail("unsupported");
  }
  const stated = read(proof.shard.checkpoint);
  if (!stated) return fail("path");
  verdict.size = stated.size;
  verdict.at = stated.at;
  const leaf = await leafOf(proof.shard.chain, proof.payload);
  if (hex(leaf) !== proof.shard.leaf) return fail("leaf");
  verdict.held.push("leaf");
  if (!(await included(leaf, proof.shard, stated))) return fail("path");
  verdict.held.push("path");
  if (!stated.origin.startsWith(`${key.node}/`) || !(await signed(proof.shard.checkpoint, key, public_))) return fail("signature");
  verdict.held.push("signature");
  if (proof.node) {
    const head = read(proof.node.checkpoint);
    const above = await leafOf(proof.node.chain, proof.shard.checkpoint);
    const good = head && hex(above) === proof.node.leaf && head.origin === key.node && (await included(above, proof.node, head)) && (await signed(proof.node.checkpoint, key, public_));
    if (!good) return fail("node");
    verdict.held.push("node");
  }
  return verdict;
}

/** SHA-256(0x00 || chain || payload): both the link of the chain and the leaf of the tree. */
function leafOf(chain: string, payload: string): Promise<Uint8Array> {
  return hash(new Uint8Array([0]), unhex(chain), new TextEncoder().encode(payload));
}

/** RFC 9162, 2.1.3.2: the path leads from the leaf to the root that the checkpoint states. */
async function included(leaf: Uint8Array, step: Step, stated: Checkpoint): Promise<boolean> {
  if (!Number.isSafeInteger(step.number) || step.number < 0 || step.number >= stated.size) return false;
  let fn = step.number;
  let sn = stated.size - 1;
  let r = leaf;
  for (const each of step.path) {
    if (sn === 0) return false;
    const p = unhex(each);
    if (fn % 2 === 1 || fn === sn) {
      r = await hash(new Uint8Array([1]), p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else r = await hash(new Uint8Array([1]), r, p);
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && hex(r) === hex(stated.root);
}

/** What a note states; null when it is no checkpoint. */
export function read(note: string): Checkpoint | null {
  const [origin, size, root, chain, at] = note.split("\n\n")[0].split("\n");
  if (!at?.startsWith("at ") || !chain?.startsWith("chain ") || !/^\d{1,15}$/.test(size)) return null;
  const found = bytes64(root);
  return found.length === 32 ? { origin, size: Number(size), root: found, at: Number(at.slice(3)) } : null;
}

async function signed(note: string, { node, public: text }: LedgerKey, key: CryptoKey): Promise<boolean> {
  const gap = note.indexOf("\n\n");
  const mark = `— ${node} `;
  const line = note.slice(gap + 2).split("\n").find((each) => each.startsWith(mark));
  if (gap < 0 || !line) return false;
  const stamp = bytes64(line.slice(mark.length));
  const id = (await hash(new TextEncoder().encode(`${node}\n`), new Uint8Array([1]), bytes64(text))).subarray(0, 4);
  if (stamp.length !== 68 || hex(stamp.subarray(0, 4)) !== hex(id)) return false;
  const body = new TextEncoder().encode(note.slice(0, gap + 1));
  return crypto.subtle.verify({ name: "Ed25519" }, key, stamp.slice(4), body);
}

async function hash(...parts: Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unhex(text: string): Uint8Array {
  return new Uint8Array((text.match(/../g) ?? []).map((pair) => parseInt(pair, 16)));
}

function bytes64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
