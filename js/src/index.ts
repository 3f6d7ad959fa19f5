// One task API in every browser: the browser's own model, else a WebAssembly model of this device, else an Isthmus gateway.

import { LanguageDetector, Translator } from "./language.js";
import { LanguageModel } from "./language-model.js";
import { Proofreader } from "./proofreader.js";
import { configure, install, type Placement } from "./task.js";
import { Rewriter, Summarizer, Writer } from "./writing.js";

export * from "./gateway.js";
export { changes, correctionType, type Change } from "./diff.js";
export { configure, type Availability, type CreateCommon, type Mode, type Placement } from "./task.js";
export type { ProofreadCorrection, ProofreadResult } from "./proofreader.js";
export { localOrigin, type LocalAsk, type LocalModel, type LocalReply } from "./local.js";
export { screenFor, type Screen } from "./screen.js";
export type { LanguageDetection } from "./script.js";
export type { LanguageModelTool, PromptMessage } from "./language-model.js";
export { LanguageDetector, LanguageModel, Proofreader, Rewriter, Summarizer, Translator, Writer };

/** Make `Summarizer.create()` and the others work in this page as the W3C drafts say. */
export function polyfill(placement: Placement): void {
  configure(placement);
  install({ LanguageDetector, LanguageModel, Proofreader, Rewriter, Summarizer, Translator, Writer });
}
