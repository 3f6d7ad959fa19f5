// A page that knows the W3C drafts and nothing of us: type-checked against the published typings (@types/dom-chromium-ai),
// and run in a real Chromium with our polyfill (tests/browser/test_snippet.py).

import { polyfill, type Origin } from "../src/index.js";

async function keyPoints(text: string): Promise<string> {
  const summarizer = await Summarizer.create({ type: "key-points" });
  return summarizer.summarize(text);
}

/** What a page adds: one call. */
export async function run(key: string, text: string): Promise<{ said: string; badge: string }> {
  let badge = "";
  polyfill({ gateway: { key }, onOrigin: (origin: Origin) => { badge = origin.badge; } });
  return { said: await keyPoints(text), badge };
}
