// Why a route was ruled out, in the person's language. The gateway states reasons as an operator reads them; these are
// the same sentences for a person. One that is not known stays as it came.

import { WORDS, type Language } from "./words.js";

type Say = (...found: string[]) => string;

const REASONS: [RegExp, Record<Language, Say>][] = [
  [/ may serve people in .+; .+ covers /, { "zh-CN": () => "它的条款不许向这里的人提供服务", en: () => "its own terms do not let it serve people here" }],
  [/^no (\w+)_filing_no for /, { "zh-CN": () => "没有它的备案号", en: () => "no filing number of it is recorded" }],
  [/^no (\w+)_registration_no for /, { "zh-CN": () => "没有它的登记号", en: () => "no registration number of it is recorded" }],
  [/^runs in (.+?), not in (.+?), and no transfer basis /, {
    "zh-CN": (there, here) => `在${places(there, "zh-CN")}处理，不在${places(here, "zh-CN")}，也没有出境依据的记录`,
    en: (there, here) => `it runs in ${places(there, "en")}, not in ${places(here, "en")}, and no ground for that transfer is recorded`,
  }],
  [/^runs in (.+?), not in (.+)$/, {
    "zh-CN": (there, here) => `在${places(there, "zh-CN")}处理，不在${places(here, "zh-CN")}`,
    en: (there, here) => `it runs in ${places(there, "en")}, not in ${places(here, "en")}`,
  }],
  [/^A partner whose terms are for adults alone/, { "zh-CN": () => "它的条款只许成年人使用", en: () => "its terms are for adults alone" }],
  [/service is reported as unlawful content/, { "zh-CN": () => "它自己的服务在这里被通报为违法内容", en: () => "its own service is reported as unlawful content here" }],
  [/service is blocked/, { "zh-CN": () => "它自己的服务在这里被禁用", en: () => "its own service is blocked here" }],
];

/** The reason as this language says it. */
export function reasonIn(reason: string, language: Language): string {
  for (const [form, say] of REASONS) {
    const found = form.exec(reason);
    if (found) return say[language](...found.slice(1));
  }
  return reason;
}

/** "US, anywhere" as names of places. */
function places(codes: string, language: Language): string {
  const names = new Intl.DisplayNames([language], { type: "region" });
  const own = { anywhere: { "zh-CN": "其他各地", en: "elsewhere" }, EEA: { "zh-CN": "欧洲经济区", en: "the EEA" } } as Record<string, Record<Language, string>>;
  const said = codes.split(", ").map((code) => own[code]?.[language] ?? WORDS[language].regions[code] ?? (/^[A-Z]{2}$/.test(code) ? (names.of(code) ?? code) : code));
  return language === "en" ? said.join(", ") : said.join("、");
}
