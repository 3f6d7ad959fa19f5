// The conversation: header, log, composer, fine print.

import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ask, busy, copy, deviceChats, edit, goOn, label, noticeOf, region, retry, stop, toast, whoOf, words } from "./actions.js";
import { Icon, type IconName } from "./icons.js";
import { Markdown } from "./markdown.js";
import { afterSheet, AiLabel, Badge, Clauses, IconButton, RowButton, useWords } from "./parts.js";
import { store, type State, type Trouble, type Turn } from "./store.js";
import { fill, shortLaw } from "./words.js";

const phone = matchMedia("(pointer: coarse)");

export function ChatPage({ state }: { state: State }) {
  const w = useWords();
  const chat = state.chats.find((each) => each.id === state.current);
  const title = `${w.regions[state.settings.region] ?? region()?.name ?? ""} · ${w.modes[state.settings.mode]}`;
  return (
    <div class="page chat-page">
      <header class="top">
        <IconButton class="only-phone" icon="menu" label={w.chats} onClick={() => store.set({ sheet: { kind: "chats" } })} flip />
        <button type="button" class="place" aria-haspopup="dialog" onClick={() => store.set({ sheet: { kind: "place" } })}>
          <span class="name">{w.app}</span>
          <span class="where">{title}<Icon name="down" size={16} /></span>
        </button>
        <IconButton icon="compose" label={w.newChat} onClick={() => { store.set({ current: "" }); focusComposer(); }} />
      </header>
      {!state.online && <p class="offline" role="status"><Clauses text={state.deviceModel ? w.offlineTools : w.offline} /></p>}
      <main>
        {chat ? <Log key={chat.id} id={chat.id} turns={chat.turns} /> : <Home device={deviceChats()} tools={state.deviceModel} />}
      </main>
      <Composer busyNow={chat ? busy(chat.id) : false} draft={state.draft} last={chat?.turns.filter((turn) => turn.role === "user").at(-1)} />
    </div>
  );
}

function focusComposer(): void {
  document.querySelector<HTMLTextAreaElement>("#ask")?.focus();
}

function Home({ device, tools }: { device: boolean; tools: boolean }) {
  const w = useWords();
  const take = (draft: string) => {
    store.set({ draft });
    focusComposer();
  };
  const cloud = device ? w.try1sub : w.try1cloud;
  const notice = noticeOf(device ? "device" : "private");
  return (
    <div class="home">
      <h1><Clauses text={device ? w.home : w.homeElsewhere} /></h1>
      <p class="lead"><Clauses text={device ? w.homeHere : tools ? w.homeTools : w.homeNoModel} /></p>
      <div class="rows">
        <RowButton icon="compose" title={w.try1} sub={cloud} onClick={() => take(w.try1fill)} />
        <RowButton icon="book" title={w.try2} sub={w.try2sub} onClick={() => { location.hash = "#/tools/points"; }} />
        <RowButton icon="out" title={w.try3} sub={w.try3sub} onClick={() => { partnerNext.now = true; take(w.try3fill); }} />
      </div>
      <div class="home-notice">{notice && <p class="small"><bdi><Clauses text={notice} /></bdi></p>}</div>
    </div>
  );
}

/** Set by the third row of the home page: the next question goes to the partner's sheet. */
const partnerNext = { now: false };

function Log({ id, turns }: { id: string; turns: Turn[] }) {
  const w = useWords();
  const box = useRef<HTMLDivElement>(null);
  const [below, setBelow] = useState(false);
  const count = turns.filter((turn) => turn.role === "user").length;
  const look = () => {
    const log = box.current;
    // The empty room under a short answer is not new text: what counts is where the answer ends.
    const end = log?.querySelector(".pair-last .turn-end")?.getBoundingClientRect().bottom ?? 0;
    const more = log !== null && end > log.getBoundingClientRect().bottom + 8;
    const live = busy(id);
    setBelow((was) => more && (was || live)); // only what arrived while somebody watched is new
  };
  useLayoutEffect(() => {
    // On send the question moves to the top once; then nothing moves under the reader.
    const log = box.current!;
    log.style.setProperty("--log", `${log.clientHeight}px`);
    const question = log.querySelector<HTMLElement>(".pair-last");
    if (question) log.scrollTop = count > 1 ? question.offsetTop - log.offsetTop : 0; // what opens the conversation stays above the first
  }, [id, count]);
  useLayoutEffect(look, [turns]);
  const pairs = grouped(turns);
  return (
    <>
      <h1 class="visually-hidden">{turns[0]?.text.slice(0, 60)}</h1>
      <div class="log" role="log" aria-live="off" aria-label={w.chats} ref={box} onScroll={look} tabIndex={0}>
        {region()?.disclosure && <p class="disclosure"><bdi>{region()!.disclosure}</bdi></p>}
        {pairs.map((pair, index) => (
          <div class={index === pairs.length - 1 ? "pair pair-last" : "pair"} key={pair[0].id}>
            {pair.map((turn) => (turn.role === "user" ? <Question key={turn.id} turn={turn} /> : <Answer key={turn.id} turn={turn} label={turn.origin?.label || label()} />))}
          </div>
        ))}
      </div>
      {below && (
        <button type="button" class="new-text" onClick={() => box.current!.scrollTo({ top: box.current!.scrollHeight, behavior: "smooth" })}>
          <Icon name="arrowDown" size={18} />{w.newText}
        </button>
      )}
    </>
  );
}

function grouped(turns: Turn[]): Turn[][] {
  const pairs: Turn[][] = [];
  for (const turn of turns) {
    if (turn.role === "user" || pairs.length === 0) pairs.push([turn]);
    else pairs[pairs.length - 1].push(turn);
  }
  return pairs;
}

/** The language of a text, for `lang`: enough to pick the right glyphs and voice. */
export function langOf(text: string): string {
  if (/[\u3040-\u30ff]/.test(text)) return "ja";
  if (/[\uac00-\ud7af]/.test(text)) return "ko";
  if (/[\u4e00-\u9fff]/.test(text)) return "zh-CN";
  if (/[\u0600-\u06ff]/.test(text)) return "ar";
  return /[A-Za-z]/.test(text) ? "en" : "";
}

const Question = memo(function Question({ turn }: { turn: Turn }) {
  const w = words();
  return (
    <article class="question" aria-label={w.said}>
      <p class="bubble" dir="auto" lang={langOf(turn.text)}>{turn.text}</p>
      <IconButton class="small-icon" icon="pencil" label={w.edit} onClick={() => { edit(turn); focusComposer(); }} />
    </article>
  );
});

const Answer = memo(function Answer({ turn, label }: { turn: Turn; label: string }) {
  const w = words();
  const live = turn.state === "waiting" || turn.state === "streaming";
  return (
    <article class="answer" aria-label={w.replied} aria-busy={live}>
      {turn.note && <p class="small"><Clauses text={turn.note} /></p>}
      {turn.text && (
        <div class={live ? "text live" : "text"} dir="auto" lang={langOf(turn.text)}>
          <Markdown text={turn.text} />
        </div>
      )}
      {turn.state === "waiting" && <Waiting turn={turn} />}
      {turn.state === "stopped" && <p class="small">{w.stopped}</p>}
      {turn.state === "interrupted" && (
        <p class="small interrupted">{w.interrupted}<button type="button" class="link-button" onClick={() => void goOn(turn)}>{w.goOn}</button></p>
      )}
      {turn.trouble && <TroubleBlock trouble={turn.trouble} turn={turn} />}
      {turn.origin && turn.text && <Provenance turn={turn} label={label} live={live} />}
      <span class="turn-end" />
    </article>
  );
});

/** Badge, label, actions: from the first character on. */
function Provenance({ turn, label, live }: { turn: Turn; label: string; live: boolean }) {
  const w = words();
  return (
    <div class="provenance">
      <Badge origin={turn.origin!} onClick={() => store.set({ sheet: { kind: "why", turn } })} />
      <AiLabel text={label} />
      {!live && (
        <span class="actions">
          <IconButton icon="copy" label={w.copy} onClick={() => void copy(turn.text, label)} />
          <IconButton icon="retry" label={w.retry} onClick={() => void retry(turn)} />
          <IconButton icon="more" label={w.more} onClick={() => store.set({ sheet: { kind: "more", turn } })} />
        </span>
      )}
    </div>
  );
}

/** A caret at once; words after one second and after four. */
function Waiting({ turn }: { turn: Turn }) {
  const w = words();
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds(Math.floor((Date.now() - turn.at) / 1000)), 500);
    return () => clearInterval(timer);
  }, [turn.at]);
  // Until the first words come nobody knows who answers, unless only the device may.
  const here = deviceChats() && store.state.settings.mode.endsWith("on_device");
  const who = turn.origin ? whoOf(turn.origin) : "Isthmus";
  const said = here && seconds < 4 ? w.thinkingDevice : fill(seconds >= 4 ? w.slow : w.thinking, { who: here ? w.device : who });
  return (
    <p class="waiting">
      <span class="caret" aria-hidden="true" />
      {seconds >= 1 && !store.state.sheet && <span>{said}</span>}
    </p>
  );
}

interface Said {
  text: string;
  settings?: boolean;
  retry?: boolean;
  /** No law stood in the way. */
  noRule?: boolean;
}

/** A refusal or an error, where the answer would stand: what happened, which rule, what next. */
function TroubleBlock({ trouble, turn }: { trouble: Trouble; turn: Turn }) {
  const w = words();
  const said = saidOf(trouble);
  const own = trouble.message;
  return (
    <div class="trouble" role="alert">
      <p><Clauses text={said.text} /></p>
      {said.noRule && <p class="small"><Clauses text={w.noRule} /></p>}
      {own && (
        <details>
          <summary>{w.showRule}</summary>
          <p dir="auto">{own} <span class="mono">{trouble.code}</span></p>
        </details>
      )}
      <div class="trouble-next">
        {said.retry !== false && <button type="button" class="plain-button" onClick={() => void retry(turn)}>{w.retry}</button>}
        {trouble.code === "no_lawful_route" || trouble.code === "upstream_unavailable" ? (
          <button type="button" class="plain-button" onClick={() => void retry(turn, "partner")}>{w.askPartner}</button>
        ) : null}
        {said.settings && <button type="button" class="plain-button" onClick={() => store.set({ sheet: { kind: "place" } })}>{w.goSettings}</button>}
      </div>
    </div>
  );
}

function saidOf({ code, details, message }: Trouble): Said {
  const w = words();
  const { language } = store.state.settings;
  const laws = (details.law as { title: string; article: string }[] | undefined) ?? [];
  const law = Array.isArray(laws) ? shortLaw(laws.map((each) => `${each.title} ${each.article}`).join("; "), language) : "";
  switch (code) {
    case "no_lawful_route":
    case "feature_forbidden":
      return { text: fill(w.e_route, { law }) };
    case "content_blocked":
      return { text: w.e_screen, retry: false };
    case "cut":
      return { text: w.e_cut };
    case "rate_limited":
    case "upstream_busy":
      return { text: fill(w.e_quota, { time: clockIn(Number(/(\d+) s/.exec(message)?.[1] ?? 60)) }) };
    case "upstream_unavailable":
    case "upstream_timeout":
    case "upstream_broken":
    case "upstream_refused":
      return { text: fill(w.e_silent, { partner: w.partners[message.split(" did")[0]] ?? (/^(.*?) (did|sent|refused)/.exec(message)?.[1] ?? "") }), noRule: true };
    case "upstream_lost":
      return { text: w.e_lost, noRule: true };
    case "no_device_model":
      return { text: w.e_model, settings: true, retry: false };
    case "declined":
      return { text: w.e_declined, settings: true };
    case "network":
    case "offline":
      return { text: w.e_offline, noRule: true };
    case "age_required":
    case "guardian_required":
      return { text: w.e_age, settings: true };
    case "suspended":
      return { text: w.e_suspended, retry: false };
    case "invalid_key":
    case "revoked_key":
      return { text: w.e_key, retry: false };
    default:
      return { text: w.e_other };
  }
}

/** The time of day `seconds` from now. */
function clockIn(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toLocaleTimeString(store.state.settings.language, { hour: "2-digit", minute: "2-digit" });
}

/** Grows to six lines; Enter sends on a desktop and never while an input method composes. */
function Composer({ busyNow, draft, last }: { busyNow: boolean; draft: string; last?: Turn }) {
  const w = useWords();
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (CSS.supports("field-sizing", "content")) return;
    const box = field.current!;
    box.style.blockSize = "auto";
    box.style.blockSize = `${box.scrollHeight}px`;
  }, [draft]);
  const send = () => {
    if (busyNow || !draft.trim()) return;
    const route = partnerNext.now ? ("partner" as const) : undefined;
    partnerNext.now = false;
    if (phone.matches) field.current!.blur(); // the keyboard makes room for the answer
    void ask(draft, route);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !phone.matches) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && busyNow) stop();
    else if (event.key === "ArrowUp" && !draft && last && !busyNow) edit(last);
  };
  return (
    <footer class="composer-area">
      <form class="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
        <IconButton icon="plus" label={w.plus} onClick={() => store.set({ sheet: { kind: "plus" } })} />
        <textarea id="ask" ref={field} rows={1} dir="auto" value={draft} placeholder={w.ask} aria-label={w.ask} enterkeyhint={phone.matches ? "enter" : "send"}
          onInput={(event) => store.set({ draft: event.currentTarget.value })} onKeyDown={keys} />
        {busyNow ? (
          <button type="button" class="send on" aria-label={w.stop} title={w.stop} onClick={stop}><span class="stop-mark" /></button>
        ) : (
          <button type="submit" class={draft.trim() ? "send on" : "send"} aria-label={w.send} title={w.send} aria-disabled={!draft.trim()}><Icon name="up" /></button>
        )}
      </form>
      <p class="fine center"><bdi>{finePrint().split(/(?<=[.。] )/).map((each) => <><span class="clause"><Clauses text={each.trim()} /></span> </>)}</bdi></p>
    </footer>
  );
}

function finePrint(): string {
  const w = words();
  const here = region();
  const said = here?.disclosure || here?.label;
  if (!said) return w.verifyAlone;
  const chinese = /[\u4e00-\u9fff]/.test(said);
  if (chinese) return said.replace(/。$/, "") + (store.state.settings.language === "en" ? ` · ${w.verifyAlone}` : w.verify);
  return said.replace(/\.$/, "") + (store.state.settings.language === "en" ? w.verify : ` · ${w.verifyAlone}`);
}

export function PlusRows({ done }: { done: () => void }) {
  const w = useWords();
  const file = useRef<HTMLInputElement>(null);
  const add = (text: string) => {
    store.set({ draft: [store.state.draft, text].filter(Boolean).join("\n") });
    done();
  };
  const paste = () => void navigator.clipboard.readText().then(add, () => { toast(w.pasteFailed); done(); });
  const go = (hash: string) => { done(); afterSheet(() => { location.hash = hash; }); };
  const rows: [IconName, string, () => void][] = [
    ["paste", w.paste, paste],
    ["file", w.file, () => file.current!.click()],
    ["pencil", w.tools, () => go("#/tools")],
    ["bell", w.digest, () => go("#/digest")],
  ];
  return (
    <div class="rows">
      {rows.map(([icon, text, act]) => <RowButton icon={icon} title={text} onClick={act} />)}
      <input ref={file} type="file" accept="text/*,.md,.txt,.csv,.json" hidden
        onChange={(event) => void event.currentTarget.files?.[0]?.text().then((text) => add(text.slice(0, 100_000)))} />
    </div>
  );
}
