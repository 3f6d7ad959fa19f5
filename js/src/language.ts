// Translator and LanguageDetector: the W3C Translation API.

import { translateRule } from "./prompts.js";
import { byScript, type LanguageDetection } from "./script.js";
import { availability, bare, deviceOrigin, native, placed, Task, worker, type Availability, type CallOptions, type CreateCommon, type Placement, type Worker } from "./task.js";

export interface TranslatorOptions extends CreateCommon {
  sourceLanguage: string;
  targetLanguage: string;
}

export class Translator extends Task {
  readonly sourceLanguage: string;
  readonly targetLanguage: string;

  private constructor(work: Worker, options: TranslatorOptions) {
    super(work, options);
    this.sourceLanguage = options.sourceLanguage;
    this.targetLanguage = options.targetLanguage;
  }

  static availability(options: TranslatorOptions): Promise<Availability> {
    return availability("Translator", options);
  }

  static async create(options: TranslatorOptions): Promise<Translator> {
    const { sourceLanguage, targetLanguage } = options;
    const [from, to] = Intl.getCanonicalLocales([sourceLanguage, targetLanguage]); // RangeError for a word that is no tag
    const wish = { feature: "translate", rule: translateRule(from, to ?? from), shared: "", language: targetLanguage };
    return new Translator(await worker("Translator", "translate", options, wish), options);
  }

  translate(input: string, options: CallOptions = {}): Promise<string> {
    return this.work.run(input, options);
  }

  translateStreaming(input: string, options: CallOptions = {}): ReadableStream<string> {
    return this.stream(input, options);
  }
}

type NativeDetector = { detect(input: string, options?: CallOptions): Promise<LanguageDetection[]>; destroy?(): void };

/** Works on the device in every browser: its own detector where it has one, else by script and small words. */
export class LanguageDetector {
  static readonly isthmus = true;
  readonly inputQuota = Infinity;
  readonly expectedInputLanguages: readonly string[] | null;
  readonly #own: NativeDetector | null;
  readonly #placement: Placement;

  private constructor(own: NativeDetector | null, options: CreateCommon) {
    this.#own = own;
    this.#placement = placed(options);
    this.expectedInputLanguages = options.expectedInputLanguages ?? null;
  }

  static availability(_options: CreateCommon = {}): Promise<Availability> {
    return Promise.resolve("available");
  }

  static async create(options: CreateCommon = {}): Promise<LanguageDetector> {
    options.signal?.throwIfAborted();
    const factory = native("LanguageDetector");
    const ready = factory ? await factory.availability(bare(options)).catch(() => "unavailable") : "unavailable";
    const own = ready === "available" ? ((await factory!.create(bare(options))) as unknown as NativeDetector) : null;
    return new LanguageDetector(own, options);
  }

  async detect(input: string, options: CallOptions = {}): Promise<LanguageDetection[]> {
    options.signal?.throwIfAborted();
    this.#placement.onOrigin?.(deviceOrigin());
    return this.#own ? this.#own.detect(input, options) : byScript(input);
  }

  measureInputUsage(input: string): Promise<number> {
    return Promise.resolve(input.length);
  }

  destroy(): void {
    this.#own?.destroy?.();
  }
}
