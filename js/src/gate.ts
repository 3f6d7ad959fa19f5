// The quality gate: is a small model's answer good enough to be shown as it is? The checks are those of the Python half
// (isthmus/device/gate.py), as far as a browser needs them. A check says what is wrong in words without content.

import { byScript } from "./script.js";

export interface Examined {
  feature: string;
  input: string;
  output: string;
  /** Language asked for, a BCP 47 tag; "" for that of the text. */
  language: string;
  /** What the caller told besides the text: facts may come from there. */
  context: string;
  finish: string;
  /** rewrite: as-is, shorter, longer. */
  length?: string;
}

type Check = (it: Examined) => string;

const REFUSAL = /^\W*(i['’]?m sorry|sorry,? (but )?i|i (cannot|can['’]?t|am unable|am not able)|as an ai|as a language model|抱歉，?(但)?我|对不起，我(不能|无法)|作为一?个?(ai|人工智能|语言模型)|我(无法|不能)(提供|回答|协助|帮助|处理|完成))/i;
const EN_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(" ");
const ZH_DIGITS: Record<string, number> = { 零: 0, 〇: 0, 一: 1, 二: 2, 两: 2, 三: 3, 四: 4, 五: 5, 六: 6, 七: 7, 八: 8, 九: 9 };
const DAYS: [RegExp, string][] = [
  ["mon(day)?", "一"], ["tue(s(day)?)?", "二"], ["wed(nesday)?", "三"], ["thu(rs(day)?)?", "四"], ["fri(day)?", "五"], ["sat(urday)?", "六"], ["sun(day)?", "[日天]"],
].map(([english, chinese], place) => [new RegExp(`\\b${english}s?\\b|(?:周|星期|礼拜|週)${chinese}`, "i"), `day${place}`]);

/** Every reason why the answer is not good enough; empty when it passes. */
export function misses(it: Examined): string[] {
  return (CHECKS[it.feature] ?? EVERY).map((check) => check(it)).filter(Boolean);
}

const notEmpty: Check = ({ output }) => (output.trim() ? "" : "it is empty");
const whole: Check = ({ finish }) => (finish === "length" ? "it was cut off at its longest length" : "");
const noRefusal: Check = ({ input, output }) => (REFUSAL.test(output) && !REFUSAL.test(input) ? "the model declined" : "");
const noLoop: Check = ({ input, output }) => (mostSaid(output) > Math.max(2, mostSaid(input)) ? "it repeats itself" : "");
const notACopy: Check = ({ input, output }) => (plain(input) === plain(output) ? "it is a copy of the source" : "");
const noFence: Check = ({ input, output }) => (/<<<|>>>/.test(output) && !/<<<|>>>/.test(input) ? "it repeats the frame of the question" : "");

const rightLanguage: Check = ({ input, output, language }) => {
  if (plain(output).length < 8) return "";
  const wanted = (language || byScript(input)[0].detectedLanguage).split("-")[0];
  const got = byScript(output)[0].detectedLanguage;
  if (wanted === "und" || got === "und" || got === wanted) return "";
  const wide = ["zh", "ja", "ko", "ru", "ar", "he", "hi", "th", "el"];
  return wide.includes(wanted) || wide.includes(got) ? "it is not in the language asked for" : "";
};

const factsKept: Check = ({ input, output }) => lost(demanded(input), admitted(output), "missing");
const nothingInvented: Check = ({ input, output, context }) => lost(demanded(output), admitted(`${input}\n${context}`), "not in the source");

function between(low: number, high: number, slack = 20): Check {
  return ({ input, output }) => {
    if (output.length < low * input.length - slack) return "it is too short";
    return output.length > high * input.length + slack ? "it is too long" : "";
  };
}

const fitsRewrite: Check = (it) => {
  const [low, high, slack] = it.length === "shorter" ? [0.1, 0.95, 0] : it.length === "longer" ? [1, 3.5, 20] : [0.35, 1.9, 20];
  return between(low, high, slack)(it);
};

const EVERY: Check[] = [notEmpty, whole, noRefusal, noLoop, noFence, rightLanguage];
const CHECKS: Record<string, Check[]> = {
  proofread: [...EVERY, factsKept, nothingInvented, between(0.75, 1.3)],
  rewrite: [...EVERY, notACopy, factsKept, nothingInvented, fitsRewrite],
  summarize: [...EVERY, notACopy, nothingInvented, between(0, 0.85, 40)],
  translate: [...EVERY, notACopy, factsKept, nothingInvented],
  write: [...EVERY, notACopy, factsKept],
  assistant: EVERY,
};

function lost(wanted: Set<string>, known: Set<string>, how: string): string {
  const count = [...wanted].filter((fact) => !known.has(fact)).length;
  return count ? `${count} numbers or days are ${how}` : "";
}

/** Facts that another text must keep, or must not invent: digits, days, addresses. */
function demanded(text: string): Set<string> {
  const found = new Set<string>();
  let rest = text.normalize("NFKC").replace(/https?:\/\/[^\s，。]+|[\w.+-]+@[\w-]+(?:\.\w+)+/g, (address) => {
    found.add(address.replace(/[.,;)]+$/, "").toLowerCase());
    return " ";
  });
  rest = rest.replace(/(\d{1,2}):(\d{2})/g, (_, hour: string, minute: string) => {
    found.add(String(Number(hour)));
    if (Number(minute)) found.add(String(Number(minute)));
    return " ";
  });
  for (const [number] of rest.matchAll(/\d+(?:,\d{3})*(?:\.\d+)?/g)) found.add(String(Number(number.replaceAll(",", ""))));
  for (const [day, name] of DAYS) if (day.test(rest)) found.add(name);
  return found;
}

/** Facts that a text can vouch for: those demanded, and numbers in words. */
function admitted(text: string): Set<string> {
  const found = demanded(text);
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) if (EN_NUMBERS.includes(word)) found.add(String(EN_NUMBERS.indexOf(word)));
  for (const [run] of text.matchAll(/[零〇一二两三四五六七八九十]+/g)) {
    found.add(String(chinese(run)));
    for (const sign of run) if (sign in ZH_DIGITS) found.add(String(ZH_DIGITS[sign]));
  }
  if (/半|half/i.test(text)) found.add("30");
  for (const fact of [...found]) {
    const hour = Number(fact);
    if (hour > 12 && hour < 24) found.add(String(hour - 12));
    if (hour > 0 && hour < 12) found.add(String(hour + 12));
  }
  return found;
}

/** The value of a Chinese numeral up to 99. */
function chinese(run: string): number {
  const at = run.indexOf("十");
  if (at < 0) return Number([...run].map((sign) => ZH_DIGITS[sign]).join(""));
  return (at === 0 ? 1 : ZH_DIGITS[run[at - 1]]) * 10 + (ZH_DIGITS[run[at + 1]] ?? 0);
}

function mostSaid(text: string): number {
  const lines = text.split(/[\n。！？.!?]+/).map((line) => line.trim()).filter((line) => line.length > 5);
  return Math.max(0, ...lines.map((line) => lines.filter((each) => each === line).length));
}

function plain(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
