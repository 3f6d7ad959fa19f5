// One task, whoever does it: the browser's own model, else a WebAssembly model of this device, else the gateway.
//
// Rules of this room:
// 1. A model of the device is used only when it is there already ("available"); nothing is downloaded unasked.
// 2. Each answer says who made it: `onOrigin` hears it, before the first words where one may still be replaced.
// 3. A WebAssembly model's answer passes the quality gate. What fails goes to the gateway where the mode allows it, else
//    it is given back and its origin says "may be off".
// 4. Where `screen` is given, what a device is asked and what it says passes it; a gateway screens for itself.
// 5. Shapes and names are those of the W3C drafts (writing-assistance-apis, proofreader-api, translation-api).

import { Gateway, type GatewayOptions, type Origin } from "./gateway.js";
import { misses } from "./gate.js";
import { localOrigin, type LocalModel } from "./local.js";
import { render, renderPlain, unwrap, type Wish } from "./prompts.js";
import { pass, passing, type Screen } from "./screen.js";

export type Availability = "unavailable" | "downloadable" | "downloading" | "available";
export type Mode = "prefer_on_device" | "only_on_device" | "prefer_in_cloud" | "only_in_cloud";

/** What Isthmus adds to the drafts' options. */
export interface Placement {
  /** The gateway to ask when no model is on the device. */
  gateway?: Gateway | GatewayOptions;
  /** A model of this device (isthmus/wasm). */
  local?: LocalModel;
  mode?: Mode;
  /** What a model of the device must not be asked and must not say. */
  screen?: Screen;
  /** Hears who answers, before the first words. */
  onOrigin?: (origin: Origin) => void;
}

/** What hears the progress of a download; a gateway has none to tell. */
export interface Monitor extends EventTarget {
  ondownloadprogress: ((this: Monitor, event: ProgressEvent) => unknown) | null;
}

export interface CreateCommon extends Placement {
  signal?: AbortSignal;
  monitor?: (monitor: Monitor) => void;
  sharedContext?: string;
  expectedInputLanguages?: readonly string[];
  expectedContextLanguages?: readonly string[];
  outputLanguage?: string;
}

export interface CallOptions {
  context?: string;
  signal?: AbortSignal;
}

interface NativeFactory {
  availability(options?: object): Promise<Availability>;
  create(options?: object): Promise<Record<string, unknown>>;
}

const KEPT = Symbol.for("isthmus.native");
let standing: Placement = {};

/** Where tasks go that name no gateway of their own. */
export function configure(placement: Placement): void {
  standing = placement;
}

/** The browser's own factory of that name, also after ours was put in its place. */
export function native(name: string): NativeFactory | null {
  const scope = globalThis as unknown as Record<string | symbol, unknown>;
  const kept = (scope[KEPT] as Record<string, NativeFactory> | undefined)?.[name];
  if (kept) return kept;
  const found = scope[name] as (NativeFactory & { isthmus?: true }) | undefined;
  return typeof found?.create === "function" && !found.isthmus ? found : null;
}

/** Put our classes where the browser has none, or in front of its own; what was there is kept for the device. */
export function install(classes: Record<string, unknown>): void {
  const scope = globalThis as unknown as Record<string | symbol, unknown>;
  const kept = ((scope[KEPT] as Record<string, unknown>) ??= {}) as Record<string, unknown>;
  for (const [name, ours] of Object.entries(classes)) {
    if (scope[name] && !(scope[name] as { isthmus?: true }).isthmus) kept[name] = scope[name];
    scope[name] = ours;
  }
}

/** How ready a task is: the better of device and gateway, as far as the mode allows them. */
export async function availability(name: string, options: object & Placement): Promise<Availability> {
  const { mode, gateway } = placed(options);
  const factory = mode === "only_in_cloud" ? null : native(name);
  const own = factory ? await factory.availability(bare(options)).catch(() => "unavailable" as const) : "unavailable";
  const kept = mode === "only_in_cloud" ? "unavailable" : await localState(placed(options).local);
  const here = own === "available" || kept === "unavailable" ? own : kept;
  if (here === "available" || mode === "only_on_device") return here;
  return gateway ? "available" : here;
}

/** Whether the device's WebAssembly model can answer now. */
export function localState(local: LocalModel | undefined): Promise<Availability> {
  return local ? local.availability().catch(() => "unavailable" as const) : Promise.resolve("unavailable");
}

/** Something that turns one text into another. */
export interface Worker {
  readonly source: "device" | "gateway";
  readonly quota: number;
  run(input: string, options: CallOptions, onText?: (piece: string) => void): Promise<string>;
  measure(input: string, options: CallOptions): Promise<number>;
  destroy(): void;
}

/** Choose who does the task. Throws NotSupportedError when nobody may. */
export async function worker(name: string, verb: string, options: CreateCommon, wish: Wish): Promise<Worker> {
  options.signal?.throwIfAborted();
  const placement = placed(options);
  const factory = placement.mode === "only_in_cloud" ? null : native(name);
  const deviceFirst = placement.mode === undefined || placement.mode.endsWith("on_device");
  if (factory && (deviceFirst || !placement.gateway)) {
    const ready = await factory.availability(bare(options)).catch(() => "unavailable");
    if (ready === "available") return new NativeWorker(await factory.create(bare(options)), verb, placement);
  }
  const beyond = placement.gateway && placement.mode !== "only_on_device" ? new GatewayWorker(placement, wish) : null;
  if (placement.local && placement.mode !== "only_in_cloud" && (deviceFirst || !beyond)) {
    if ((await localState(placement.local)) === "available") return new LocalWorker(placement, wish, beyond);
  }
  if (beyond) return beyond;
  throw new DOMException(`No model on this device does ${name}, and the mode allows no other.`, "NotSupportedError");
}

interface Placed extends Placement {
  gateway?: Gateway;
}

export function placed(options: Placement): Placed {
  const given = options.gateway ?? standing.gateway;
  return {
    gateway: given === undefined || given instanceof Gateway ? given : new Gateway(given),
    local: options.local ?? standing.local,
    mode: options.mode ?? standing.mode,
    screen: options.screen ?? standing.screen,
    onOrigin: options.onOrigin ?? standing.onOrigin,
  };
}

/** The options as the browser's own API knows them. */
export function bare(options: object & Placement): object {
  const { gateway: _, mode: __, onOrigin: ___, local: ____, screen: _____, ...known } = options;
  return known;
}

/** The gateway's model word for a mode. */
export function modelFor(mode: Mode | undefined): string {
  return mode === "prefer_in_cloud" || mode === "only_in_cloud" ? "partner" : "private";
}

/** Who answered when the browser's own model did. */
export function deviceOrigin(): Origin {
  return localOrigin("browser");
}

class NativeWorker implements Worker {
  readonly source = "device";

  constructor(
    readonly inner: Record<string, unknown>,
    readonly verb: string,
    readonly placement: Placed,
  ) {}

  get quota(): number {
    return typeof this.inner.inputQuota === "number" ? this.inner.inputQuota : Infinity;
  }

  async run(input: string, options: CallOptions, heard?: (piece: string) => void): Promise<string> {
    const { screen } = this.placement;
    pass(screen, input);
    this.placement.onOrigin?.(deviceOrigin());
    const onText = passing(screen, heard);
    const streaming = this.inner[`${this.verb}Streaming`];
    if (onText && typeof streaming === "function") {
      let whole = "";
      const stream = streaming.call(this.inner, input, options) as ReadableStream<string>;
      const reader = stream.getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return whole;
        whole += value;
        onText(value);
      }
    }
    const once = this.inner[this.verb] as (input: string, options: CallOptions) => Promise<string>;
    const output = await once.call(this.inner, input, options);
    if (typeof output === "string") pass(screen, output); // a proofreader gives an object of the person's own words
    return output;
  }

  async measure(input: string, options: CallOptions): Promise<number> {
    const measured = this.inner.measureInputUsage;
    return typeof measured === "function" ? ((await measured.call(this.inner, input, options)) as number) : input.length;
  }

  destroy(): void {
    (this.inner.destroy as (() => void) | undefined)?.();
  }
}

/** The device's own WebAssembly model, and the gateway behind it where the mode allows one. */
class LocalWorker implements Worker {
  readonly source = "device";
  readonly quota: number;
  readonly #end = new AbortController();

  constructor(
    readonly placement: Placed,
    readonly wish: Wish,
    readonly beyond: GatewayWorker | null,
  ) {
    this.quota = placement.local!.contextWindow * 2; // characters; half of the window, as English takes four to a token
  }

  async run(input: string, options: CallOptions, onText?: (piece: string) => void): Promise<string> {
    const local = this.placement.local!;
    if (input.length > this.quota && this.beyond) return this.beyond.run(input, options, onText);
    if (input.length > this.quota) throw new DOMException("The text is longer than the quota.", "QuotaExceededError");
    const { screen } = this.placement;
    pass(screen, `${input}\n${options.context ?? ""}`);
    const signal = AbortSignal.any([this.#end.signal, ...(options.signal ? [options.signal] : [])]);
    const messages = renderPlain(this.wish, input, options.context);
    const most = room(this.wish.feature, input);
    // Words that may still be replaced by another model's are not shown as they come.
    const reply = await local.chat({ messages, maxTokens: most, temperature: 0, signal, onText: this.beyond ? undefined : passing(screen, onText) });
    const output = unwrap(reply.text);
    pass(screen, output);
    const { feature, language, shared, length } = this.wish;
    const context = `${shared}\n${options.context ?? ""}`;
    const wrong = misses({ feature, input, output, language, context, finish: reply.finish, length });
    if (wrong.length && this.beyond && online()) {
      try {
        return await this.beyond.run(input, options, onText);
      } catch (error) {
        if (signal.aborted || (error as { code?: string }).code !== "network") throw error;
      }
    }
    this.placement.onOrigin?.(localOrigin(local.name, wrong.length > 0));
    if (this.beyond) onText?.(output);
    return output;
  }

  measure(input: string): Promise<number> {
    return Promise.resolve(input.length);
  }

  destroy(): void {
    this.#end.abort(new DOMException("The task was destroyed.", "AbortError"));
    this.beyond?.destroy();
  }
}

/** Tokens that a good answer needs at most: what runs on beyond it would fail the gate anyway. */
function room(feature: string, input: string): number {
  const han = input.match(/\p{Script=Han}/gu)?.length ?? 0;
  const size = han * 1.5 + (input.length - han) / 3.5;
  if (feature === "write" || feature === "assistant") return 400;
  return Math.min(1024, Math.ceil(size * (feature === "summarize" ? 1 : 2)) + 24);
}

function online(): boolean {
  return typeof navigator === "undefined" || navigator.onLine;
}

class GatewayWorker implements Worker {
  readonly source = "gateway";
  readonly quota = 24_000; // characters; the private tier's window of 8,192 tokens, answer included
  readonly #end = new AbortController();

  constructor(
    readonly placement: Placed,
    readonly wish: Wish,
  ) {}

  async run(input: string, options: CallOptions, onText?: (piece: string) => void): Promise<string> {
    if (input.length > this.quota) throw new DOMException("The text is longer than the quota.", "QuotaExceededError");
    const signals = [this.#end.signal, ...(options.signal ? [options.signal] : [])];
    const reply = await this.placement.gateway!.chat({
      messages: render(this.wish, input, options.context),
      model: modelFor(this.placement.mode),
      feature: this.wish.feature,
      temperature: 0.2,
      signal: AbortSignal.any(signals),
      onOrigin: this.placement.onOrigin,
      onText,
    });
    return unwrap(reply.text);
  }

  measure(input: string): Promise<number> {
    return Promise.resolve(input.length);
  }

  destroy(): void {
    this.#end.abort(new DOMException("The task was destroyed.", "AbortError"));
  }
}

/** A stream of the pieces of one run. */
export function streamed(start: (onText: (piece: string) => void, signal: AbortSignal) => Promise<unknown>): ReadableStream<string> {
  const end = new AbortController();
  return new ReadableStream<string>({
    start(controller) {
      let heard = false;
      const say = (piece: string) => {
        heard = true;
        controller.enqueue(piece);
      };
      start(say, end.signal).then(
        (whole) => {
          if (!heard && typeof whole === "string" && whole) controller.enqueue(whole);
          controller.close();
        },
        (error) => controller.error(error),
      );
    },
    cancel() {
      end.abort();
    },
  });
}

/** What Summarizer, Writer, Rewriter and Translator share: a worker, its quota, its end. */
export class Task {
  /** Marks our classes, so that they are never taken for the browser's own. */
  static readonly isthmus = true;
  protected readonly work: Worker;
  readonly sharedContext: string;
  readonly expectedInputLanguages: readonly string[] | null;
  readonly expectedContextLanguages: readonly string[] | null;
  readonly outputLanguage: string | null;

  protected constructor(work: Worker, options: CreateCommon) {
    this.work = work;
    this.sharedContext = options.sharedContext ?? "";
    this.expectedInputLanguages = options.expectedInputLanguages ?? null;
    this.expectedContextLanguages = options.expectedContextLanguages ?? null;
    this.outputLanguage = options.outputLanguage ?? null;
    options.signal?.addEventListener("abort", () => this.destroy(), { once: true });
  }

  get inputQuota(): number {
    return this.work.quota;
  }

  measureInputUsage(input: string, options: CallOptions = {}): Promise<number> {
    return this.work.measure(input, options);
  }

  destroy(): void {
    this.work.destroy();
  }

  protected stream(input: string, options: CallOptions): ReadableStream<string> {
    return streamed((onText, signal) => {
      const both = options.signal ? AbortSignal.any([options.signal, signal]) : signal;
      return this.work.run(input, { ...options, signal: both }, onText);
    });
  }
}

export function wishOf(feature: string, rule: string, options: CreateCommon & { length?: string }): Wish {
  return { feature, rule, shared: options.sharedContext ?? "", language: options.outputLanguage ?? "", length: options.length };
}

/** Refuse a word the draft does not know, as the browser does (TypeError of an enum). */
export function oneOf<T extends string>(field: string, word: string, known: readonly T[]): T {
  if (!known.includes(word as T)) throw new TypeError(`${field} is one of ${known.join(", ")}`);
  return word as T;
}
