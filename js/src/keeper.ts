// The worker that fetches a model and keeps it: piece by piece over HTTP ranges, into the browser's own file store (OPFS),
// its digest computed on the way. A download that broke off goes on where it stopped; a wrong file is deleted.
//
// Rules of this room:
// 1. A model counts as here only when `<digest>.whole` stands beside it: that mark is made after the digest was right.
// 2. Bytes already here are read again for the digest; nothing is believed because it lies in the store.
// Source: WHATWG File System Standard (createSyncAccessHandle works in workers of every engine); RFC 9110 section 14.

import { Sha256 } from "./sha256.js";

export interface Order {
  url: string;
  size: number;
  sha256: string;
  headers: Record<string, string>;
}

export type Told = { kind: "progress"; loaded: number; total: number } | { kind: "done" } | { kind: "failed"; reason: "network" | "digest" | "storage" };

export const FOLDER = "isthmus-models";
const PIECE = 4 << 20;
const TRIES = 4;

/** A file of the store, opened for one writer; TypeScript's DOM library leaves it to that of workers. */
interface FileSystemSyncAccessHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

class Trouble extends Error {
  constructor(readonly reason: "network" | "digest" | "storage") {
    super(reason);
  }
}

/** The rest of a model into `file`, from where it stands, and its digest. `tell` hears how many bytes are here. */
async function fetchInto(file: FileSystemSyncAccessHandle, order: Order, tell: (loaded: number) => void): Promise<string> {
  const digest = new Sha256();
  let here = Math.min(file.getSize(), order.size);
  const buffer = new Uint8Array(PIECE);
  for (let at = 0; at < here; ) {
    const read = file.read(buffer.subarray(0, Math.min(PIECE, here - at)), { at });
    if (read === 0) {
      here = at;
      break;
    }
    digest.update(buffer.subarray(0, read));
    at += read;
  }
  file.truncate(here);
  while (here < order.size) {
    tell(here);
    const bytes = await piece(order, here);
    if (file.write(bytes, { at: here }) !== bytes.length) throw new Trouble("storage");
    digest.update(bytes);
    here += bytes.length;
  }
  file.flush();
  tell(here);
  return digest.hex();
}

async function piece(order: Order, first: number): Promise<Uint8Array> {
  const last = Math.min(first + PIECE, order.size) - 1;
  for (let left = TRIES; ; left--) {
    try {
      const answer = await fetch(order.url, { headers: { ...order.headers, range: `bytes=${first}-${last}` }, cache: "no-store", credentials: "omit" });
      if (answer.status !== 206) throw new Trouble("network");
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (bytes.length === 0 || bytes.length > last - first + 1) throw new Trouble("network");
      return bytes;
    } catch (error) {
      if (left === 1) throw error instanceof Trouble ? error : new Trouble("network");
      await new Promise((again) => setTimeout(again, 400 * (TRIES - left + 1)));
    }
  }
}

async function keep(order: Order, tell: (told: Told) => void): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  const handle = await folder.getFileHandle(order.sha256, { create: true });
  const file = await (handle as unknown as { createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle> }).createSyncAccessHandle();
  let digest = "";
  try {
    digest = await fetchInto(file, order, (loaded) => tell({ kind: "progress", loaded, total: order.size }));
  } catch (error) {
    if (error instanceof DOMException) throw new Trouble("storage"); // QuotaExceededError and its kin
    throw error;
  } finally {
    file.close();
  }
  if (digest !== order.sha256) {
    await folder.removeEntry(order.sha256);
    throw new Trouble("digest");
  }
  await folder.getFileHandle(`${order.sha256}.whole`, { create: true });
}

self.addEventListener("message", (event: MessageEvent<Order>) => {
  const tell = (told: Told) => (self as unknown as Worker).postMessage(told);
  keep(event.data, tell).then(
    () => tell({ kind: "done" }),
    (error: unknown) => tell({ kind: "failed", reason: error instanceof Trouble ? error.reason : "storage" }),
  );
});
