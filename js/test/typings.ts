// Checked by `npm run types`, never run: our classes stand where the browser's would, by the published W3C typings.

import * as ours from "../src/index.js";

export async function snippet(): Promise<string> {
  const summarizer: Pick<Summarizer, "summarize" | "summarizeStreaming" | "sharedContext" | "type" | "format" | "length" | "inputQuota" | "measureInputUsage" | "destroy"> =
    await ours.Summarizer.create({ type: "key-points" });
  return summarizer.summarize("text");
}

type Options<T extends { create(options: never): unknown }> = Parameters<T["create"]>[0];

export const summarizer: Options<typeof ours.Summarizer> = {} as SummarizerCreateOptions;
export const writer: Options<typeof ours.Writer> = {} as WriterCreateOptions;
export const rewriter: Options<typeof ours.Rewriter> = {} as RewriterCreateOptions;
export const translator: Options<typeof ours.Translator> = {} as TranslatorCreateOptions;
export const detected: LanguageDetectionResult = {} as ours.LanguageDetection;
