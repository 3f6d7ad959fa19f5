// What a device looks for by itself, where no gateway can: a region's starter terms, in the question and in the answer.
//
// It knows fewer spellings than the gateway (no look-alikes, no scattered letters) and none of an operator's own terms:
// it is the least that a region's rule asks of a model on the device, not the gateway's moderation.

import { GatewayError } from "./gateway.js";

/** Whether a text holds what must not be asked or said. */
export type Screen = (text: string) => boolean;

/** A screen for terms: Han and the like are found anywhere, words in letters only as whole words. */
export function screenFor(terms: readonly string[]): Screen {
  const anywhere: string[] = [];
  const words: string[] = [];
  for (const term of terms) {
    const folded = spaced(term);
    if (folded.trim()) (/\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Thai}/u.test(folded) ? anywhere : words).push(folded);
  }
  const joined = anywhere.map((term) => term.replaceAll(" ", ""));
  return (text) => {
    const folded = spaced(text);
    if (words.some((term) => folded.includes(term))) return true;
    const close = folded.replaceAll(" ", "");
    return joined.some((term) => close.includes(term));
  };
}

/** One spelling: compatibility forms and case folded, everything that is no letter or digit one space, one at each end. */
function spaced(text: string): string {
  return ` ${text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, " ").trim()} `;
}

/** Throws GatewayError content_blocked where `screen` finds something. */
export function pass(screen: Screen | undefined, text: string): void {
  if (screen?.(text)) throw new GatewayError("content_blocked", "The device's own check stopped this. Rephrase it.");
}

/** Hears pieces, and passes each on only when all so far passes. */
export function passing(screen: Screen | undefined, onText?: (piece: string) => void): ((piece: string) => void) | undefined {
  if (!screen || !onText) return onText;
  let whole = "";
  return (piece) => {
    whole += piece;
    pass(screen, whole);
    onText(piece);
  };
}
