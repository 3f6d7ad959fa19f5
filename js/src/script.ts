// Which language a text is in, by its script and its small words: no model, a few microseconds.

export interface LanguageDetection {
  detectedLanguage: string;
  confidence: number;
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
