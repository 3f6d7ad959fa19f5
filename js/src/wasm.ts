// A model of this device in WebAssembly: fetched once, when a person asks for it, kept in the browser's own file store,
// and from then on there without any network.

import type { Engine, EngineFiles } from "./engine.js";
import type { LocalAsk, LocalModel, LocalReply } from "./local.js";
import type { Order, Told } from "./keeper.js";

/** One model of a gateway's list (GET /app/models). Sizes in bytes, context in tokens. */
export interface ModelInfo {
  id: string;
  title: string;
  publisher: string;
  licence: string;
  languages: string[];
  size: number;
  sha256: string;
  context: number;
  url: string;
}

/** Where the parts of the engine are; all from the page's own origin. */
export interface WasmFiles extends EngineFiles {
  engine: string;
  keeper: string;
}

export const FOLDER = "isthmus-models"; // the same word as in keeper.ts, which is a bundle of its own
const MOST_CONTEXT = 4096;

export class DownloadError extends Error {
  constructor(readonly reason: "network" | "digest" | "storage" | "unsupported") {
    super(`The model could not be kept: ${reason}.`);
    this.name = "DownloadError";
  }
}

/** Whether this browser can keep and run a model: a secure page, a file store, WebAssembly with SIMD. */
export function supported(): boolean {
  return (
    typeof WebAssembly === "object" && typeof Worker === "function" && typeof navigator !== "undefined" &&
    typeof navigator.storage?.getDirectory === "function" && WebAssembly.validate(SIMD)
  );
}

// The smallest module with a vector instruction: (func (result v128) i32.const 0; i8x16.splat; i8x16.popcnt).
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

export class WasmModel implements LocalModel {
  readonly name: string;
  readonly contextWindow: number;
  #engine: Promise<Engine> | null = null;
  #fetching: { worker: Worker; fail: (error: DownloadError) => void } | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly info: ModelInfo,
    readonly files: WasmFiles,
  ) {
    this.name = info.id;
    this.contextWindow = Math.min(info.context, MOST_CONTEXT);
  }

  async availability(): Promise<"unavailable" | "downloadable" | "downloading" | "available"> {
    if (!supported()) return "unavailable";
    if (this.#fetching) return "downloading";
    return (await this.#file()) ? "available" : "downloadable";
  }

  /** Fetch the model; `onProgress` hears bytes here and in all. Throws DownloadError; stopping keeps what is here. */
  download(headers: Record<string, string>, onProgress?: (loaded: number, total: number) => void, signal?: AbortSignal): Promise<void> {
    if (!supported()) return Promise.reject(new DownloadError("unsupported"));
    signal?.throwIfAborted();
    void navigator.storage.persist?.().catch(() => false);
    return new Promise<void>((resolve, reject) => {
      const worker = new Worker(this.files.keeper, { type: "module" });
      const end = (settle: () => void) => {
        worker.terminate();
        this.#fetching = null;
        settle();
      };
      this.#fetching = { worker, fail: (error) => end(() => reject(error)) };
      signal?.addEventListener("abort", () => end(() => reject(signal.reason)), { once: true });
      worker.onmessage = ({ data }: MessageEvent<Told>) => {
        if (data.kind === "progress") onProgress?.(data.loaded, data.total);
        else if (data.kind === "done") end(resolve);
        else end(() => reject(new DownloadError(data.reason)));
      };
      worker.onerror = () => end(() => reject(new DownloadError("unsupported")));
      const order: Order = { url: this.info.url, size: this.info.size, sha256: this.info.sha256, headers };
      worker.postMessage(order);
    });
  }

  /** Get the engine and the model into memory, so that the first answer need not wait for it. */
  async warm(): Promise<void> {
    await this.#open();
  }

  /** Answers are given one after another: the engine has one place. Throws AbortError. */
  chat(ask: LocalAsk): Promise<LocalReply> {
    const mine = this.#last.then(async () => {
      ask.signal?.throwIfAborted();
      return (await this.#open()).chat(ask);
    });
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /** Free the memory; the model stays on the device. */
  async close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await (await engine?.catch(() => null))?.close();
  }

  /** Delete the model from this device. */
  async remove(): Promise<void> {
    this.#fetching?.fail(new DownloadError("storage"));
    await this.close();
    const folder = await models();
    for (const name of [`${this.info.sha256}.whole`, this.info.sha256]) await folder?.removeEntry(name).catch(() => undefined);
  }

  #open(): Promise<Engine> {
    this.#engine ??= (async () => {
      const file = await this.#file();
      if (!file) throw new DOMException("The model is not on this device.", "NotSupportedError");
      const part = (await import(/* @vite-ignore */ this.files.engine)) as typeof import("./engine.js");
      return part.Engine.open(file, this.files, this.contextWindow);
    })();
    this.#engine.catch(() => {
      this.#engine = null; // the next question tries again
    });
    return this.#engine;
  }

  async #file(): Promise<File | null> {
    const folder = await models();
    if (!folder) return null;
    try {
      await folder.getFileHandle(`${this.info.sha256}.whole`);
      const file = await (await folder.getFileHandle(this.info.sha256)).getFile();
      return file.size === this.info.size ? file : null;
    } catch {
      return null;
    }
  }
}

/** Delete every model that was ever kept here. Returns how many bytes went. */
export async function removeAll(): Promise<number> {
  const folder = await models();
  if (!folder) return 0;
  let bytes = 0;
  for await (const entry of (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values()) {
    if (entry.kind === "file") bytes += (await (entry as FileSystemFileHandle).getFile()).size;
  }
  await (await navigator.storage.getDirectory()).removeEntry(FOLDER, { recursive: true }).catch(() => undefined);
  return bytes;
}

async function models(): Promise<FileSystemDirectoryHandle | null> {
  if (!supported()) return null;
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER);
  } catch {
    return null;
  }
}
