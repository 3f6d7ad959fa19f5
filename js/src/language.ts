// Translator and LanguageDetector: the W3C Translation API.

import { translateRule } from "./prompts.js";
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

export interface LanguageDetection {
  detectedLanguage: string;
  confidence: number;
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

const SCRIPTS: [RegExp, string][] = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/gu, "ja"],
  [/\p{Script=Hangul}/gu, "ko"],
  [/\p{Script=Han}/gu, "zh"],
  [/\p{Script=Arabic}/gu, "ar"],
  [/\p{Script=Hebrew}/gu, "he"],
  [/\p{Script=Cyrillic}/gu, "ru"],
  [/\p{Script=Devanagari}/gu, "hi"],
  [/\p{Script=Thai}/gu, "th"],
  [/\p{Script=Greek}/gu, "el"],
];
const SMALL_WORDS: Record<string, RegExp> = {
  en: /\b(the|and|of|to|is|in|that|for|with|you|it|on|are|this|have)\b/gi,
  fr: /\b(le|la|les|des|et|est|une|dans|que|pour|vous|avec|sur|pas|du)\b/gi,
  de: /\b(der|die|das|und|ist|nicht|ein|eine|mit|für|auf|zu|den|ich|sie)\b/gi,
  es: /\b(el|los|las|y|es|una|que|para|con|por|del|en|no|su|está)\b/gi,
  pt: /\b(o|os|as|e|é|uma|que|para|com|por|não|do|da|em|você)\b/gi,
  it: /\b(il|lo|gli|e|è|una|che|per|con|non|del|della|sono|di|si)\b/gi,
  vi: /[ăâđêôơư]|[\u1ea0-\u1ef9]/gi,
};

/** Likely languages, best first, confidences summing to at most 1; "und" takes the rest. */
export function byScript(text: string): LanguageDetection[] {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return [{ detectedLanguage: "und", confidence: 1 }];
  const counts = new Map<string, number>();
  for (const [script, language] of SCRIPTS) {
    const found = text.match(script)?.length ?? 0;
    if (found) counts.set(language, found / letters);
  }
  // Japanese writes Han too: a fifth of kana makes the Han Japanese.
  if ((counts.get("ja") ?? 0) > 0.2) {
    counts.set("ja", counts.get("ja")! + (counts.get("zh") ?? 0));
    counts.delete("zh");
  }
  const latin = (text.match(/\p{Script=Latin}/gu)?.length ?? 0) / letters;
  const hits = Object.entries(SMALL_WORDS).map(([tag, words]) => [tag, text.match(words)?.length ?? 0] as const);
  const all = hits.reduce((sum, [, count]) => sum + count, 0);
  for (const [tag, count] of hits) if (count) counts.set(tag, (latin * 0.95 * count) / all);
  const known = [...counts].map(([detectedLanguage, confidence]) => ({ detectedLanguage, confidence: Math.min(confidence, 0.99) }));
  known.sort((a, b) => b.confidence - a.confidence);
  const rest = 1 - known.reduce((sum, each) => sum + each.confidence, 0);
  return [...known, { detectedLanguage: "und", confidence: Math.max(0, rest) }];
}
