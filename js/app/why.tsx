// Why: the way an answer took, the rules that bound it, what was told, and its receipt.

import { useEffect, useState } from "preact/hooks";
import { GatewayError, type Origin } from "../src/gateway.js";
import { check, type LedgerKey, type Proof, type Verdict } from "../src/proof.js";
import { deviceChats, gateway, noticeOf, region, whoOf } from "./actions.js";
import { Icon, type IconName } from "./icons.js";
import { Clauses, placeOf, Sheet, useWords, Whole } from "./parts.js";
import { reasonIn } from "./reasons.js";
import { store, type Turn } from "./store.js";
import { citation, fill, spoken } from "./words.js";

interface Owed {
  verb: string;
  rule: string;
  duty: string;
  law: string;
  article: string;
  since: string;
  draft: boolean;
  routes: string[];
}

interface Decision {
  routes: { route: string; title: string; tier: string; badge: string; rehearsal: boolean; reason: string }[];
  ruled_out: { route: string; badge: string; reason: string; law: string; article: string }[];
  obligations: Owed[];
  digest: string;
}

interface Receipt {
  id: string;
  at: number;
  route?: string;
  decision: string;
  label?: string;
  tier?: string;
  model?: string;
  cost?: string;
  us_whole?: number;
  masks?: Record<string, number>;
  usage?: { total_tokens?: number };
}

export function WhySheet({ turn, onClose }: { turn: Turn; onClose: () => void }) {
  const w = useWords();
  const origin = turn.origin!;
  const decision = useDecision(origin);
  const { language } = store.state.settings;
  const device = origin.source === "device";
  const rules = rulesFor(decision, device ? "device/on-device" : origin.route);
  const notices = device ? [noticeOf("device"), region()?.disclosure ?? ""].filter(Boolean) : origin.notices;
  return (
    <Sheet class="why" title={<Clauses text={fill(w.why, { who: whoOf(origin) })} />} onClose={onClose}
      foot={<button type="button" class="plain-button wide" onClick={onClose}>{w.close}</button>}>
      <p class="lead"><bdi>{origin.model}</bdi></p>
      <Steps origin={origin} decision={decision} />
      {notices.length > 0 && (
        <section>
          <h3>{w.notices}</h3>
          {notices.map((notice) => <p class="small"><bdi><Clauses text={spoken(notice.replace(/(?<![\w-])rehearsal(?![\w-])/g, w.placeholder), language)} /></bdi></p>)}
        </section>
      )}
      {rules.length > 0 && <Rules rules={rules} />}
      <section>
        <h3>{w.receipt}</h3>
        {origin.receipt ? <ReceiptCard origin={origin} /> : <p class="small">{w.noReceipt}</p>}
      </section>
    </Sheet>
  );
}

function useDecision(origin: Origin): Decision | null {
  const [found, setFound] = useState<Decision | null>(null);
  useEffect(() => {
    const where = origin.region || (store.state.online ? store.state.settings.region : ""); // a device's answer has none of its own
    if (!where) return;
    const query = new URLSearchParams({ region: where, age: store.state.settings.age });
    gateway().call<Decision>("GET", `/v1/decision?${query}`).then(setFound, () => setFound(null));
  }, [origin.decision, origin.region]);
  return found;
}

interface Stop {
  icon: IconName;
  place: string;
  title: string;
  text: string;
}

function Steps({ origin, decision }: { origin: Origin; decision: Decision | null }) {
  const w = useWords();
  const stops: Stop[] = [];
  const place = placeOf(origin);
  if (place === "device") stops.push({ icon: "device", place, title: `${w.device} · ${w.stepUsed}`, text: w.stepDevice });
  else if (!deviceChats()) {
    stops.push({ icon: "device", place: "skipped", title: `${w.device} · ${w.stepSkipped}`, text: store.state.deviceModel ? w.stepDeviceTools : w.stepDeviceNone });
  }
  if (place === "private") stops.push({ icon: "lock", place, title: `${w.private} · ${w.stepUsed}`, text: w.stepPrivate });
  if (place === "partner" || place === "rehearsal") {
    const n = Object.values(origin.masked).reduce((sum, each) => sum + each, 0);
    if (decision?.routes.some((route) => route.tier === "private")) {
      stops.push({ icon: "lock", place: "skipped", title: w.private, text: w.stepAllowed });
    }
    const text = (n ? fill(w.stepPartner, { n }) : w.stepPartnerPlain) + (place === "rehearsal" ? (store.state.settings.language === "en" ? " " : "") + w.stepPartnerRehearsal : "");
    stops.push({ icon: "out", place, title: `${whoOf(origin)} · ${w.stepUsed}`, text });
  }
  // A partner with one lawful route is not ruled out, whatever its other addresses are.
  const may = new Set(decision?.routes.map((each) => each.route.split("/")[0]));
  const out = new Map(decision?.ruled_out.map((each) => [each.route.split("/")[0], each]).filter(([partner]) => !may.has(partner as string)) as [string, Decision["ruled_out"][0]][] | undefined);
  return (
    <ol class="stops" aria-label={w.steps}>
      {stops.map((stop) => <StopRow stop={stop} />)}
      {[...out.values()].slice(0, 3).map((each) => (
        <StopRow stop={{ icon: "close", place: "skipped", title: `${nameOf(each)} · ${w.stepSkipped}`, text: reasonOf(each, w.stepOut) }} />
      ))}
    </ol>
  );
}

function nameOf(out: { route: string; badge: string }): string {
  const w = store.state.settings.language;
  return spoken(out.badge.replace(/^rehearsal: local stand-in for /, "") || out.route, w);
}

function reasonOf(out: { reason: string; law: string; article: string }, frame: string): string {
  const { language } = store.state.settings;
  const cited = out.article ? citation(spoken(out.law, language), [out.article], language) : "";
  const law = !cited ? "" : language === "en" ? ` (${cited})` : `（${cited}）`;
  return fill(frame, { reason: reasonIn(out.reason, language) + law });
}

function StopRow({ stop }: { stop: Stop }) {
  return (
    <li>
      <span class={`stop ${stop.place}`}><Icon name={stop.icon} size={20} flip={stop.icon === "out"} /></span>
      <span class="stop-text">
        <strong><Whole text={stop.title} /></strong>
        <span><bdi><Clauses text={stop.text} /></bdi></span>
      </span>
    </li>
  );
}

const FIRST = ["route.require", "consent.require", "mask", "label.show", "disclose", "scan"];
const SHOWN = 5;

/** The rules that bound this route, each once, those a person asks about first. */
function rulesFor(decision: Decision | null, route: string): Owed[] {
  const bound = decision?.obligations.filter((owed) => owed.routes.includes(route)) ?? [];
  const once = [...new Map(bound.map((owed) => [owed.rule, owed])).values()];
  const rank = (owed: Owed) => (FIRST.includes(owed.verb) ? FIRST.indexOf(owed.verb) : FIRST.length);
  return once.sort((a, b) => rank(a) - rank(b));
}

function Rules({ rules }: { rules: Owed[] }) {
  const w = useWords();
  return (
    <section>
      <h3>
        {w.rules}
        {rules.some((rule) => rule.draft) && <small><Clauses text={w.draft} /></small>}
      </h3>
      <ul class="rules">{rules.slice(0, SHOWN).map((rule) => <RuleRow rule={rule} />)}</ul>
      {rules.length > SHOWN && (
        <details class="small">
          <summary>{fill(w.allRules, { n: rules.length - SHOWN })}</summary>
          <ul class="rules">{rules.slice(SHOWN).map((rule) => <RuleRow rule={rule} />)}</ul>
        </details>
      )}
    </section>
  );
}

function RuleRow({ rule }: { rule: Owed }) {
  const w = useWords();
  const { language } = store.state.settings;
  const own = w.duties[rule.rule] ?? w.verbs[rule.verb];
  const law = rule.rule.startsWith("HOUSE.") ? w.house : citation(spoken(rule.law, language), rule.article ? [rule.article] : [], language);
  return (
    <li>
      <span class="rule-text">
        <span lang={own ? language : "en"}><bdi><Whole text={own ?? rule.duty} /></bdi></span>
        <small><Whole text={law} /></small>
      </span>
      <time dateTime={rule.since}>{rule.since}</time>
    </li>
  );
}

type Checked = "" | "checking" | "proved" | "same" | "other" | "broken" | "rekeyed" | "unsupported";

/** The receipt as the ledger has it, compared with what this device was told, and its proof, worked out here. */
function ReceiptCard({ origin }: { origin: Origin }) {
  const w = useWords();
  const [state, setState] = useState<Checked>("");
  const [receipt, setReceipt] = useState<Receipt | null>(null);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const look = async () => {
    setState("checking");
    try {
      const found = await gateway().call<Receipt>("GET", `/v1/receipts/${encodeURIComponent(origin.receipt)}`);
      setReceipt(found);
      const same = found.id === origin.receipt && found.route === origin.route && found.decision === origin.decision && (found.label ?? "") === origin.label && found.model === origin.model;
      if (!same) return setState("other");
      const shown = await proved(found);
      setVerdict(shown.verdict);
      setState(shown.state);
    } catch {
      setState("other");
    }
  };
  const done = state === "proved" || state === "same";
  const problem = { other: w.mismatch, broken: w.proofBroken, rekeyed: w.proofRekeyed, unsupported: w.proofUnsupported }[state as string];
  return (
    <>
      <div class="card receipt">
        <span class="receipt-text">
          <bdi class="mono">{origin.receipt} · {origin.decision.slice(0, 8)}</bdi>
          {receipt && <ReceiptFacts receipt={receipt} />}
        </span>
        <span role="status">
          {done && <span class="ok"><Icon name="check" size={18} />{w.checked}</span>}
          {problem && <span class="bad">{problem}</span>}
        </span>
        {!done && <button type="button" class="link-button" onClick={() => void look()} disabled={state === "checking"}>{state === "checking" ? w.checking : w.check}</button>}
      </div>
      {verdict && state === "proved" && (
        <ul class="proof">
          {verdict.held.map((each) => <li><Icon name="check" size={16} />{fill(w.proof[each], { n: verdict.number + 1, m: verdict.size })}</li>)}
        </ul>
      )}
      <p class="fine"><Clauses text={state === "same" ? w.proofLater : w.checkNote} /></p>
    </>
  );
}

/** The proof of a receipt, checked against the ledger's key as this device first saw it. A fresh one waits for the log's next signature, some seconds. */
async function proved(receipt: Receipt): Promise<{ state: Checked; verdict: Verdict | null }> {
  const key = await gateway().call<LedgerKey>("GET", "/v1/ledger/key");
  const known = store.state.ledger;
  if (known && (known.node !== key.node || known.public !== key.public)) return { state: "rekeyed", verdict: null };
  for (let tries = 0; ; tries++) {
    try {
      const proof = await gateway().call<Proof>("GET", `/v1/receipts/${encodeURIComponent(receipt.id)}/proof`);
      const verdict = await check(proof, key);
      const told = JSON.parse(proof.payload) as Receipt;
      if (verdict.failed === "unsupported") return { state: "unsupported", verdict };
      if (verdict.failed || told.id !== receipt.id || told.decision !== receipt.decision) return { state: "broken", verdict };
      if (!known) store.set({ ledger: key });
      return { state: "proved", verdict };
    } catch (error) {
      if (!(error instanceof GatewayError) || tries === 16) return { state: "same", verdict: null };
      await new Promise((later) => setTimeout(later, 500));
    }
  }
}

function ReceiptFacts({ receipt }: { receipt: Receipt }) {
  const w = useWords();
  const parts = [
    new Date(receipt.at).toLocaleTimeString(store.state.settings.language, { hour: "2-digit", minute: "2-digit" }),
    receipt.usage?.total_tokens ? fill(w.tokens, { n: receipt.usage.total_tokens }) : "",
    receipt.us_whole ? fill(w.ms, { n: Math.round(receipt.us_whole / 1000) }) : "",
    receipt.cost ?? "",
  ];
  return <span class="small"><Whole text={parts.filter(Boolean).join(" · ")} /></span>;
}
