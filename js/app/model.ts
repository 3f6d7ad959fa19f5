// The model on this device: which one was chosen, whether it is here, and fetching or removing it.

import { DownloadError, removeAll, supported, WasmModel, type ModelInfo, type WasmFiles } from "../src/wasm.js";
import { native } from "../src/task.js";
import type { Gateway } from "../src/gateway.js";
import { store } from "./store.js";

declare const WASM_FILES: WasmFiles; // put in by the build: the engine's files, by their digests

let model: WasmModel | null = null;
let fetching: AbortController | null = null;

/** The chosen model, where the region lets a device answer. */
export function localModel(): WasmModel | undefined {
  const { regions, settings } = store.state;
  const here = regions.find((each) => each.id === settings.region);
  return here?.device === false ? undefined : (model ?? undefined);
}

/** What this device can do itself: the browser's own model, or one that was fetched before. */
export async function beginModel(): Promise<void> {
  const own = native("LanguageModel");
  if (own) {
    const ready = await own.availability({ expectedOutputs: [{ type: "text", languages: ["en"] }] }).catch(() => "unavailable");
    if (ready === "available") store.set({ deviceModel: true, deviceKind: "browser" });
  }
  const chosen = store.state.model;
  if (chosen) await use(chosen);
}

async function use(info: ModelInfo): Promise<void> {
  model = new WasmModel(info, WASM_FILES);
  const ready = (await model.availability()) === "available";
  if (!ready) model = null;
  const kind = store.state.deviceKind === "browser" ? "browser" : ready ? "wasm" : "";
  store.set({ deviceModel: kind !== "", deviceKind: kind });
}

/** Models that this server hands out, the smallest first; [] where this browser could not run one. Throws GatewayError. */
export async function offered(at: Gateway): Promise<ModelInfo[]> {
  if (!supported()) return [];
  return (await at.call<{ models: ModelInfo[] }>("GET", "/app/models")).models;
}

/** Fetch a model and its engine, so that both are here without a network. Throws DownloadError. */
export async function fetchModel(info: ModelInfo): Promise<void> {
  fetching = new AbortController();
  const mine = new WasmModel(info, WASM_FILES);
  store.set({ fetching: { id: info.id, loaded: 0, total: info.size } });
  try {
    const told = (loaded: number, total: number) => store.set({ fetching: { id: info.id, loaded, total } });
    await mine.download({ authorization: `Bearer ${store.state.key}` }, told, fetching.signal);
    await keepEngine();
    store.set({ model: info });
    await use(info);
  } finally {
    fetching = null;
    store.set({ fetching: null });
  }
}

export function stopFetching(): void {
  fetching?.abort(new DOMException("Stopped.", "AbortError"));
}

/** Ask for the engine's files once through the service worker, which keeps them. */
async function keepEngine(): Promise<void> {
  const compat = !("Suspending" in WebAssembly);
  const paths = [WASM_FILES.engine, ...(compat ? [WASM_FILES.compatWasm, WASM_FILES.compatScript] : [WASM_FILES.wasm])];
  for (const path of paths) {
    const answer = await fetch(path).catch(() => null);
    if (!answer?.ok) throw new DownloadError("network");
    await answer.arrayBuffer();
  }
}

/** The engine may have changed with a new version of the app: its new parts are fetched while there is a network. */
export function refreshEngine(): void {
  if (model && navigator.onLine) void keepEngine().catch(() => undefined);
}

export async function removeModel(): Promise<number> {
  stopFetching();
  await model?.close();
  model = null;
  const bytes = await removeAll();
  const own = store.state.deviceKind === "browser";
  store.set({ model: null, deviceModel: own, deviceKind: own ? "browser" : "" });
  return bytes;
}
