// Proofreader: the W3C Proofreader API. A model gives the corrected text; what changed, where and of which type is
// worked out from the two texts, so that it cannot disagree with them.

import { applied, changes, correctionType } from "./diff.js";
import { PROOFREAD_RULE } from "./prompts.js";
import { availability, bare, deviceOrigin, native, placed, Task, worker, wishOf, type Availability, type CallOptions, type CreateCommon, type Worker } from "./task.js";

export type CorrectionType = "spelling" | "punctuation" | "capitalization" | "grammar";

export interface ProofreadCorrection {
  startIndex: number;
  endIndex: number;
  correction: string;
  types?: CorrectionType[];
  explanation?: string;
}

export interface ProofreadResult {
  correctedInput: string;
  corrections: ProofreadCorrection[];
}

export interface ProofreaderOptions extends CreateCommon {
  includeCorrectionTypes?: boolean;
  includeCorrectionExplanations?: boolean;
  correctionExplanationLanguage?: string;
}

type NativeProofreader = { proofread(input: string, options: CallOptions): Promise<ProofreadResult> };

export class Proofreader extends Task {
  readonly includeCorrectionTypes: boolean;
  readonly includeCorrectionExplanations: boolean;
  readonly correctionExplanationLanguage: string | null;
  readonly #own: NativeProofreader | null;
  readonly #options: ProofreaderOptions;

  private constructor(work: Worker, own: NativeProofreader | null, options: ProofreaderOptions) {
    super(work, options);
    this.#own = own;
    this.#options = options;
    this.includeCorrectionTypes = options.includeCorrectionTypes ?? false;
    this.includeCorrectionExplanations = options.includeCorrectionExplanations ?? false;
    this.correctionExplanationLanguage = options.correctionExplanationLanguage ?? null;
  }

  static availability(options: ProofreaderOptions = {}): Promise<Availability> {
    return availability("Proofreader", options);
  }

  static async create(options: ProofreaderOptions = {}): Promise<Proofreader> {
    const work = await worker("Proofreader", "proofread", options, wishOf("proofread", PROOFREAD_RULE, options));
    const factory = work.source === "device" ? native("Proofreader") : null;
    const own = factory ? ((await factory.create(bare(options))) as unknown as NativeProofreader) : null;
    return new Proofreader(work, own, options);
  }

  async proofread(input: string, options: CallOptions = {}): Promise<ProofreadResult> {
    if (this.#own) {
      placed(this.#options).onOrigin?.(deviceOrigin());
      return this.#own.proofread(input, options);
    }
    const mended = keepEdges(input, await this.work.run(input, options));
    // Blanks and line breaks are the person's own: a model's other ones are no correction.
    const found = changes(input, mended).filter((change) => change.removed.trim() || change.added.trim());
    const correctedInput = applied(input, found);
    const corrections = found.map((change) => {
      const correction: ProofreadCorrection = { startIndex: change.start, endIndex: change.end, correction: change.added };
      if (this.includeCorrectionTypes) correction.types = [correctionType(change)];
      if (this.includeCorrectionExplanations) correction.explanation = `${change.removed} → ${change.added}`;
      return correction;
    });
    return { correctedInput, corrections };
  }
}

/** A model's answer has no outer blanks; the person's text may, and they are no mistake. */
function keepEdges(input: string, corrected: string): string {
  const head = /^\s*/.exec(input)![0];
  const tail = /\s*$/.exec(input)![0];
  return head + corrected.trim() + (input.trim() ? tail : "");
}
