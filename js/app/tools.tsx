// Writing Tools: proofread with a visible diff, rewrite, summary, key points, translate. The original stays.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { GatewayError, type Origin } from "../src/gateway.js";
import { applied, changes, correctionType, type Change } from "../src/diff.js";
import { Proofreader } from "../src/proofreader.js";
import { Translator } from "../src/language.js";
import { byScript } from "../src/script.js";
import { Rewriter, Summarizer } from "../src/writing.js";
import { copy, label, words } from "./actions.js";
import { langOf } from "./chat.js";
import { Icon } from "./icons.js";
import { Markdown } from "./markdown.js";
import { AiLabel, Badge, Clauses, IconButton, Select, useWords, Whole } from "./parts.js";
import { store } from "./store.js";
import { fill } from "./words.js";

const TABS = ["proofread", "rewrite", "summary", "points", "translate"] as const;
type Tab = (typeof TABS)[number];
const TARGETS = ["en", "zh-CN", "ja", "ko", "fr", "de", "es", "pt", "it", "ru", "ar", "hi", "vi"];

interface Result {
  tab: Tab;
  input: string;
  origin: Origin | null;
  outputs: { name: string; text: string }[];
  changes: Change[];
}

export function ToolsPage({ start }: { start: string }) {
  const w = useWords();
  const [tab, setTab] = useState<Tab>(TABS.includes(start as Tab) ? (start as Tab) : "proofread");
  const [text, setText] = useState(() => sessionStorage.getItem("isthmus.tools") ?? "");
  const [before, setBefore] = useState<string | null>(null);
  const [target, setTarget] = useState(store.state.settings.language === "en" ? "zh-CN" : "en");
  const [result, setResult] = useState<Result | null>(null);
  const [problem, setProblem] = useState("");
  const end = useRef<AbortController | null>(null);
  const [working, setWorking] = useState(false);
  const room = useRef(0);
  useEffect(() => sessionStorage.setItem("isthmus.tools", text), [text]);
  useEffect(() => () => end.current?.abort(), []);
  const run = async () => {
    if (!text.trim() || working) return;
    const mine = new AbortController();
    end.current = mine;
    setWorking(true);
    setProblem("");
    setResult(null);
    try {
      const found = await work(tab, text, target, mine.signal);
      room.current = document.querySelector<HTMLElement>(".outputs")?.offsetHeight ?? 0;
      setResult(found);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) setProblem(problemOf(error));
    } finally {
      setWorking(false);
    }
  };
  const use = (next: string) => {
    setBefore(text);
    setText(next);
    setResult(null);
  };
  const shown = result && result.tab === tab ? result : null;
  return (
    <div class="page tools-page">
      <header class="top">
        <IconButton icon="close" label={w.close} onClick={() => { location.hash = ""; }} />
        <h1 class="top-title">{w.tools}<small>{firstWord()}</small></h1>
        <IconButton icon="copy" label={w.copy} onClick={() => void copy(text, before === null ? "" : label())} />
      </header>
      <main class="tools-main">
        {shown && tab === "proofread" ? <Corrections result={shown} onUse={use} onClose={() => setResult(null)} /> : (
          <>
            <textarea class="tools-text" dir="auto" value={text} placeholder={w.toolsHint} aria-label={w.toolsHint} lang={langOf(text)}
              onInput={(event) => { setText(event.currentTarget.value); setResult(null); setBefore(null); }} />
            {shown && <Outputs result={shown} room={room.current} onUse={use} />}
            {working && tab !== "proofread" && <Waiting tab={tab} size={text.length} />}
          </>
        )}
        {problem && <div class="trouble" role="alert"><p><Clauses text={problem} /></p></div>}
        {!shown && (
          <div class="tools-act">
            {before !== null && <button type="button" class="plain-button wide" onClick={() => { setText(before); setBefore(null); }}>{w.undo}</button>}
            {tab === "translate" && <Select label={w.to} value={target} options={TARGETS.map((tag) => [tag, nameIn(tag)])} onChange={setTarget} />}
            <button type="button" class="primary-button wide" aria-disabled={!text.trim()} onClick={() => (working ? end.current?.abort() : void run())}>
              {working ? w.stop : w[tab]}
            </button>
          </div>
        )}
      </main>
      <footer class="tools-foot">
        <div class="tabs" role="tablist" aria-label={w.tools}>
          {TABS.map((each) => (
            <button type="button" role="tab" aria-selected={each === tab} class={each === tab ? "tab on" : "tab"} onClick={() => { setTab(each); setProblem(""); }}>{w[each]}</button>
          ))}
        </div>
        <div class="provenance" role="status">
          {working && <span class="small">{w.working}</span>}
          {shown?.origin && <Badge origin={shown.origin} />}
          {shown && <AiLabel text={shown.origin?.label || label()} />}
        </div>
      </footer>
    </div>
  );
}

/** Who is asked first, as the settings are. */
function firstWord(): string {
  const w = words();
  const { mode } = store.state.settings;
  if (mode.endsWith("in_cloud")) return w.modes[mode];
  return store.state.deviceModel || mode === "only_on_device" ? w.device : w.private;
}

export function nameIn(tag: string): string {
  return new Intl.DisplayNames([store.state.settings.language], { type: "language" }).of(tag) ?? tag;
}

export function problemOf(error: unknown): string {
  const w = words();
  if (error instanceof GatewayError) {
    if (error.code === "network") return w.e_offline;
    if (error.code === "declined") return w.e_declined;
    if (error.code === "content_blocked") return w.e_screen;
    return `${w.e_other} ${error.message}`;
  }
  return error instanceof DOMException && error.name === "NotSupportedError" ? w.e_model : w.e_other;
}

/** Do one tool's work through the task APIs of src/. */
async function work(tab: Tab, input: string, target: string, signal: AbortSignal): Promise<Result> {
  const w = words();
  const result: Result = { tab, input, origin: null, outputs: [], changes: [] };
  const options = { signal, onOrigin: (origin: Origin) => { result.origin = { ...origin, unsure: origin.unsure || result.origin?.unsure }; } };
  if (tab === "proofread") {
    const proofreader = await Proofreader.create(options);
    const { correctedInput } = await proofreader.proofread(input, { signal });
    result.changes = changes(input, correctedInput);
  } else if (tab === "rewrite") {
    for (const [name, wish] of [[w.formal, { tone: "more-formal" }], [w.warm, { tone: "more-casual" }], [w.shorter, { length: "shorter" }]] as const) {
      const rewriter = await Rewriter.create({ ...options, ...wish });
      result.outputs.push({ name, text: await rewriter.rewrite(input, { signal }) });
    }
  } else if (tab === "translate") {
    const sourceLanguage = byScript(input)[0].detectedLanguage;
    const translator = await Translator.create({ ...options, sourceLanguage, targetLanguage: target });
    result.outputs.push({ name: nameIn(target), text: await translator.translate(input, { signal }) });
  } else {
    const summarizer = await Summarizer.create({ ...options, type: tab === "summary" ? "tldr" : "key-points", format: "markdown" });
    result.outputs.push({ name: w[tab], text: await summarizer.summarize(input, { signal }) });
  }
  return result;
}

/** Cards of about the size of what will come, so that the original does not move when it does. */
function Waiting({ tab, size }: { tab: Tab; size: number }) {
  const lines = Math.max(1, Math.min(tab === "rewrite" || tab === "translate" ? 12 : 6, Math.ceil(size / 30)));
  return (
    <section class="outputs" aria-hidden="true">
      {Array.from({ length: tab === "rewrite" ? 3 : 1 }, (_, card) => (
        <div class="card output skeleton" key={card}>{Array.from({ length: lines }, (__, line) => <span key={line} />)}</div>
      ))}
    </section>
  );
}

/** Results above the untouched original: one tap uses one. They keep the `room` (px) of the cards that held their place, so
 * that the original does not move under the reader; what is longer is shown whole when the person asks. */
function Outputs({ result, room, onUse }: { result: Result; room: number; onUse: (text: string) => void }) {
  const w = useWords();
  const box = useRef<HTMLElement>(null);
  const [held, setHeld] = useState(room > 0);
  const [longer, setLonger] = useState(false);
  useLayoutEffect(() => {
    box.current!.style.setProperty("--room", `${room}px`);
    setLonger(room > 0 && box.current!.scrollHeight > room + 1);
  }, [room]);
  return (
    <section ref={box} class={held ? "outputs held" : "outputs"} aria-label={w.result}>
      {result.outputs.map(({ name, text }) => (
        <article class="card output">
          <h2>{name}</h2>
          <div class="text" dir="auto" lang={langOf(text)}><Markdown text={text} /></div>
          <div class="output-foot">
            <AiLabel text={result.origin?.label || label()} />
            <span class="actions">
              <IconButton icon="copy" label={w.copy} onClick={() => void copy(text, result.origin?.label || label())} />
              <button type="button" class="link-button" onClick={() => onUse(text)}><Whole text={w.use} /></button>
            </span>
          </div>
        </article>
      ))}
      {held && longer && <button type="button" class="plain-button show-all" onClick={() => setHeld(false)}><Icon name="down" size={18} />{w.showAll}</button>}
    </section>
  );
}

/** The text with what went out struck and what came in underlined; one change at a time is ringed. */
function Corrections({ result, onUse, onClose }: { result: Result; onUse: (text: string) => void; onClose: () => void }) {
  const w = useWords();
  const [at, setAt] = useState(0);
  const [kept, setKept] = useState<ReadonlySet<number>>(new Set());
  const all = result.changes;
  if (all.length === 0) {
    return (
      <div class="diff-area">
        <p class="diff" dir="auto" lang={langOf(result.input)}>{result.input}</p>
        <p class="lead"><Clauses text={w.noChange} /></p>
        <button type="button" class="plain-button wide" onClick={onClose}>{w.back}</button>
      </div>
    );
  }
  const change = all[at];
  const step = (by: number) => setAt((at + by + all.length) % all.length);
  const toggle = () => {
    const next = new Set(kept);
    if (!next.delete(at)) next.add(at);
    setKept(next);
  };
  return (
    <div class="diff-area">
      <DiffText input={result.input} all={all} at={at} kept={kept} />
      <div class="diff-foot">
        <div class="stepper">
          <IconButton icon="backward" label={w.prev} onClick={() => step(-1)} flip />
          <p role="status">
            <strong><Clauses text={fill(w.place, { i: at + 1, n: all.length })} /></strong>
            <span class="small"><bdi>{w[correctionType(change)]}{w.into === "改为" ? "：" : ": "}<bdi>{change.removed.trim() || "∅"}</bdi> → <bdi>{change.added.trim() || "∅"}</bdi></bdi></span>
          </p>
          <IconButton icon="forward" label={w.next} onClick={() => step(1)} flip />
        </div>
        <div class="pair">
          <button type="button" class="plain-button" onClick={toggle}><Whole text={kept.has(at) ? w.restore : w.revert} /></button>
          <button type="button" class="primary-button" onClick={() => onUse(applied(result.input, all.filter((_, index) => !kept.has(index))))}><Whole text={w.useAll} /></button>
        </div>
      </div>
    </div>
  );
}

function DiffText({ input, all, at, kept }: { input: string; all: Change[]; at: number; kept: ReadonlySet<number> }) {
  const w = useWords();
  const ring = useRef<HTMLSpanElement>(null);
  useEffect(() => ring.current?.scrollIntoView({ block: "nearest" }), [at]);
  let from = 0;
  return (
    <p class="diff" dir="auto" lang={langOf(input)}>
      {all.map((change, index) => {
        const before = input.slice(from, change.start);
        from = change.end;
        return (
          <>
            {before}
            <span class={index === at ? "change current" : "change"} ref={index === at ? ring : undefined}>
              {kept.has(index) ? change.removed : (
                <>
                  {change.removed && <del>{change.removed}</del>}
                  {change.removed && change.added && <span class="visually-hidden"> {w.into} </span>}
                  {change.added && <ins>{change.added}</ins>}
                </>
              )}
            </span>
          </>
        );
      })}
      {input.slice(from)}
    </p>
  );
}
