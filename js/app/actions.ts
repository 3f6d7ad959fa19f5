// What a person can do, apart from how it looks: ask, stop, retry, agree, withdraw, delete.

import { Gateway, GatewayError, type Agreement, type Message, type Origin, type Place, type Question } from "../src/gateway.js";
import { LanguageModel } from "../src/language-model.js";
import { screenFor, type Screen } from "../src/screen.js";
import { configure } from "../src/task.js";
import { beginModel, localModel, refreshEngine, removeModel } from "./model.js";
import { newId, store, troubleOf, type Chat, type KeptGrant, type RegionInfo, type Turn } from "./store.js";
import { fill, spoken, WORDS, type Words } from "./words.js";

export function words(): Words {
  return WORDS[store.state.settings.language];
}

/** The gateway as the settings are now. */
export function gateway(): Gateway {
  const { key, settings, subject } = store.state;
  return new Gateway({
    key,
    region: settings.region,
    age: settings.age,
    language: settings.language,
    subject,
    consents: () => standing().map((grant) => grant.id),
    covered: (sheet, feature) =>
      standing().some((grant) => grant.sheet.consent.recipient === sheet.consent.recipient && grant.feature === feature && grant.facts === facts(sheet)),
    onConsent: askConsent,
    onGrant: (given) => {
      const title = spoken(nameIn(given.sheet.title), settings.language);
      store.set({ grants: [{ ...given, facts: facts(given.sheet), title }, ...store.state.grants].slice(0, 100) });
    },
    fetch: (input, init) => fetch(input, init),
  });
}

/** Consents of this region that still stand for every question. */
function standing(): KeptGrant[] {
  const now = Date.now();
  const { grants, settings } = store.state;
  return grants.filter((each) => each.scope === "always" && each.sheet.consent.region === settings.region && Date.parse(each.until) > now);
}

function facts(sheet: Question["sheet"]): string {
  return [sheet.who, sheet.purpose, sheet.retention].join("\n");
}

/** The partner's name inside a sheet's title, which is the only gap of that sentence. */
export function nameIn(title: string): string {
  return /(?:交给|to )(.+?)[?？]$/.exec(title)?.[1] ?? title;
}

function askConsent({ sheet, preview }: Question): Promise<Agreement> {
  return new Promise((resolve) => {
    store.set({
      sheet: { kind: "consent", sheet, preview, resolve: (said) => { store.set({ sheet: null }); resolve(said); } },
    });
  });
}

const running = new Map<string, AbortController>();
let hiddenBreak: (() => void) | null = null;

/** Ask in the open chat, or in a new one. `route` overrides the mode for this question. */
export async function ask(text: string, route?: "partner"): Promise<void> {
  const said = text.trim();
  if (!said) return;
  let chat = store.chat;
  if (!chat) {
    chat = { id: newId(), title: said.slice(0, 60), at: Date.now(), turns: [] };
    store.set({ current: chat.id });
  }
  const question: Turn = { id: newId(), role: "user", text: said, state: "done", at: Date.now() };
  const answer = waiting();
  const grown: Chat = { ...chat, at: Date.now(), turns: [...chat.turns, question, answer] };
  store.set({ chats: [grown, ...store.state.chats.filter((each) => each.id !== grown.id)], draft: "", current: grown.id });
  await run(grown.id, answer.id, route);
}

/** Answer the last question again; what stood there is replaced. */
export async function retry(turn: Turn, route?: "partner"): Promise<void> {
  const chat = store.chat;
  if (!chat) return;
  const at = chat.turns.findIndex((each) => each.id === turn.id);
  const answer = waiting();
  replace(chat.id, [...chat.turns.slice(0, at), answer]);
  await run(chat.id, answer.id, route);
}

/** Go on where an answer broke off. */
export async function goOn(turn: Turn): Promise<void> {
  const chat = store.chat;
  if (chat) await run(chat.id, turn.id, turn.origin?.source === "partner" ? "partner" : undefined, turn.text);
}

/** Take a question back into the composer; it and what followed leave the chat. */
export function edit(turn: Turn): void {
  const chat = store.chat;
  if (!chat) return;
  stop();
  const turns = chat.turns.slice(0, chat.turns.findIndex((each) => each.id === turn.id));
  if (turns.length) replace(chat.id, turns);
  else store.set({ chats: store.state.chats.filter((each) => each.id !== chat.id), current: "" });
  store.set({ draft: turn.text });
}

export function stop(): void {
  running.get(store.state.current)?.abort();
}

export function busy(chatId: string): boolean {
  return running.has(chatId);
}

function waiting(): Turn {
  return { id: newId(), role: "assistant", text: "", state: "waiting", at: Date.now() };
}

function replace(chatId: string, turns: Turn[]): void {
  store.set({ chats: store.state.chats.map((chat) => (chat.id === chatId ? { ...chat, turns } : chat)) });
}

/** Stream one answer into its turn: text lands once per frame. `from`: a stream to take up again behind `begun`. */
async function run(chatId: string, turnId: string, route?: "partner", begun = "", from?: Place): Promise<void> {
  const end = new AbortController();
  running.set(chatId, end);
  let text = begun;
  let place = from;
  let frame = 0;
  const draw = () => {
    frame = 0;
    store.turn(chatId, turnId, { text, state: "streaming", place });
  };
  const heardPlace = (now: Place | null) => {
    place = now ?? undefined;
  };
  const hear = (piece: string) => {
    text += piece;
    frame ||= requestAnimationFrame(draw);
  };
  const heardOrigin = (origin: Origin) => store.turn(chatId, turnId, { origin });
  store.set({ status: words().answering });
  store.turn(chatId, turnId, { state: begun ? "streaming" : "waiting", trouble: undefined, at: Date.now() });
  try {
    const to = { hear, heardOrigin, heardPlace, signal: end.signal, route, begun };
    const origin = from ? await takeUp(from, to) : await answerWith(chatId, turnId, to);
    store.turn(chatId, turnId, { text, place: undefined, state: origin?.blocked ? "refused" : "done", trouble: origin?.blocked ? cut(origin) : undefined });
    store.set({ status: fill(words().answered, { who: origin ? whoOf(origin) : "" }) + (label() ? `，${label()}` : "") });
  } catch (error) {
    await seen();
    store.turn(chatId, turnId, { text, place: undefined, ...ended(error, text !== "") });
    store.set({ status: "" });
  } finally {
    cancelAnimationFrame(frame);
    running.delete(chatId);
    store.set({});
    store.flush();
  }
}

interface Hearing {
  hear: (piece: string) => void;
  heardOrigin: (origin: Origin) => void;
  heardPlace: (place: Place | null) => void;
  signal: AbortSignal;
  route?: "partner";
  begun: string;
}

/** Choose who answers, by mode: the device, then the private tier, then (only when asked for) the partner. */
async function answerWith(chatId: string, turnId: string, to: Hearing): Promise<Origin | null> {
  const { mode } = store.state.settings;
  const messages = messagesBefore(chatId, turnId, to.begun);
  if (!to.route && mode.endsWith("on_device") && deviceChats()) return onDevice(messages, to);
  if (!to.route && mode === "only_on_device") throw new GatewayError("no_device_model", "");
  if (!navigator.onLine) throw new GatewayError("offline", "");
  const partner = to.route === "partner" || mode.endsWith("in_cloud");
  const via = (model: string) =>
    gateway().chat({ messages, model, signal: to.signal, onText: to.hear, onOrigin: to.heardOrigin, onPlace: to.heardPlace }).then((reply) => reply.origin);
  if (!partner) return via("private");
  try {
    return await via("partner");
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== "declined" || mode === "only_in_cloud") throw error;
    const here = deviceChats();
    store.turn(chatId, turnId, { note: fill(words().declined, { who: here ? words().device : words().private }) });
    return here ? onDevice(messages, to) : via("private");
  }
}

/** The rest of a stream that a reload or a locked screen cut off. */
async function takeUp(place: Place, to: Hearing): Promise<Origin | null> {
  const ask = { messages: [], signal: to.signal, onText: to.hear, onOrigin: to.heardOrigin, onPlace: to.heardPlace };
  return (await gateway().resume(place, ask)).origin;
}

/** Answers that were on their way when the page went: take each up again where it was. */
export function takeUpAll(): void {
  for (const chat of store.state.chats) {
    for (const turn of chat.turns) if (turn.place && turn.state === "streaming") void run(chat.id, turn.id, undefined, turn.text, turn.place);
  }
}

/** Whether the device answers chats. A small model knows little of the world, so it does where nobody else may or can. */
export function deviceChats(): boolean {
  const { deviceKind, settings, online } = store.state;
  return deviceKind === "browser" || (deviceKind === "wasm" && localModel() !== undefined && (settings.mode === "only_on_device" || !online));
}

async function onDevice(messages: Message[], to: Hearing): Promise<Origin> {
  let origin: Origin | null = null;
  const last = messages[messages.length - 1].content ?? "";
  const session = await LanguageModel.create({
    mode: "only_on_device",
    onOrigin: (heard) => {
      origin = heard;
      to.heardOrigin(heard);
    },
    initialPrompts: messages.slice(0, -1).map(({ role, content }) => ({ role: role as "user" | "assistant", content: content ?? "" })),
  });
  const reader = session.promptStreaming(last, { signal: to.signal }).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return origin!;
    to.hear(value);
  }
}

function messagesBefore(chatId: string, turnId: string, begun: string): Message[] {
  const chat = store.state.chats.find((each) => each.id === chatId)!;
  const before = chat.turns.slice(0, chat.turns.findIndex((each) => each.id === turnId)).filter((each) => each.text);
  const messages: Message[] = before.map(({ role, text }) => ({ role, content: text }));
  if (begun) {
    const on = store.state.settings.language === "en" ? "Go on exactly where this stops. Repeat nothing." : "从中断处接着写，不要重复。";
    messages.push({ role: "assistant", content: begun }, { role: "user", content: on });
  }
  return messages;
}

function ended(error: unknown, begun: boolean): Partial<Turn> {
  if (error instanceof DOMException && error.name === "AbortError") return { state: "stopped" };
  if (error instanceof GatewayError && error.code === "content_blocked" && begun) return { state: "refused", trouble: { ...troubleOf(error), code: "cut" } };
  if (!(error instanceof GatewayError)) return { state: "refused", trouble: { code: "internal", message: "", details: {} } };
  if (begun && (error.code === "upstream_lost" || error.code === "network")) return { state: "interrupted" };
  return { state: "refused", trouble: troubleOf(error) };
}

function cut(origin: Origin) {
  return { code: "cut", message: "", details: { blocked: origin.blocked } };
}

/** No error is shown while the screen is locked: it waits until somebody looks. */
function seen(): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    hiddenBreak = resolve;
  });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    hiddenBreak?.();
    hiddenBreak = null;
  } else store.flush();
});

export function whoOf(origin: Origin): string {
  const w = words();
  if (origin.source === "device") return origin.unsure ? w.deviceUnsure : w.device;
  if (origin.source === "private") return w.private;
  const name = origin.badge.replace(/^rehearsal: local stand-in for /, "");
  return w.partners[name] ?? name;
}

/** The region's own label for AI-made text, "" where it asks for none. */
export function label(): string {
  return region()?.label ?? "";
}

/** What the region wants shown of the model that answers first (in CN its name and filing number), "" where nothing. */
export function noticeOf(tier: "device" | "private"): string {
  const text = region()?.notices?.[tier] ?? "";
  return spoken(text.replace(/(?<![\w-])rehearsal(?![\w-])/g, words().placeholder), store.state.settings.language);
}

export function region(): RegionInfo | undefined {
  const { regions, settings } = store.state;
  return regions.find((each) => each.id === settings.region);
}

/** Take a key: ask the gateway which regions it serves. Throws GatewayError. */
export async function enter(key: string): Promise<void> {
  const found = await new Gateway({ key, fetch: (input, init) => fetch(input, init) }).call<{ regions: RegionInfo[] }>("GET", "/v1/regions");
  const { settings, subject } = store.state;
  const own = found.regions.find((each) => each.own) ?? found.regions[0];
  const region = found.regions.some((each) => each.id === settings.region) ? settings.region : (own?.id ?? "");
  store.set({ key, regions: found.regions, settings: { ...settings, region }, subject: subject || newId() });
}

/** What only the start needs: the key in the fragment, what this device can do itself, fresh regions. */
export function begin(): void {
  configure({ get gateway() { return gateway(); }, get mode() { return store.state.settings.mode; }, get local() { return localModel(); }, get screen() { return screenHere(); } });
  const handed = /[#&]key=([\w-]+)/.exec(location.hash)?.[1];
  if (handed) setFragment("");
  void beginModel();
  const key = handed ?? store.state.key;
  if (!key) return;
  // The page stands at once: what the server says of the key and its regions comes when it comes.
  store.set({ key });
  takeUpAll();
  enter(key).then(refreshEngine, (error: unknown) => {
    if (error instanceof GatewayError && ["invalid_key", "revoked_key", "missing_key"].includes(error.code)) store.set({ key: "" });
  });
}

let screening: { terms: readonly string[]; screen: Screen } | null = null;

/** The region's starter terms, for what a model on this device is asked and says; the gateway screens the rest itself. */
function screenHere(): Screen | undefined {
  const terms = region()?.terms;
  if (!terms?.length) return undefined;
  if (screening?.terms !== terms) screening = { terms, screen: screenFor(terms) };
  return screening.screen;
}

function setFragment(fragment: string): void {
  window.history.replaceState(null, "", location.pathname + fragment);
  store.set({ route: fragment });
}

/** Withdraw one consent, at the gateway and here. Returns whether the gateway said so. */
export async function withdraw(grant: KeptGrant): Promise<boolean> {
  try {
    await gateway().call("DELETE", `/v1/consents/${encodeURIComponent(grant.id)}`);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== "not_found") return false;
  }
  store.set({ grants: store.state.grants.filter((each) => each.id !== grant.id), toast: fill(words().withdrawn, { partner: grant.title }) });
  return true;
}

/** Delete what this device holds, withdraw what still stands; returns what went, in words. */
export async function erase(): Promise<string[]> {
  const w = words();
  const { chats, grants } = store.state;
  for (const end of running.values()) end.abort();
  let withdrawn = 0;
  const live = grants.filter((grant) => Date.parse(grant.until) > Date.now());
  for (const grant of live) if (await withdraw(grant)) withdrawn++;
  const bytes = await removeModel().catch(() => 0);
  const stored = "caches" in window ? await caches.keys() : [];
  for (const name of stored) await caches.delete(name);
  const workers = "serviceWorker" in navigator ? await navigator.serviceWorker.getRegistrations() : [];
  for (const each of workers) await each.unregister();
  const went = [fill(w.gone.chats, { n: chats.length }), fill(w.gone.grants, { n: withdrawn })];
  if (withdrawn < live.length) went.push(fill(w.gone.kept, { n: live.length - withdrawn }));
  if (bytes) went.push(fill(w.gone.model, { mb: Math.round(bytes / 1e6) }));
  went.push(w.gone.settings, w.gone.cache);
  store.flush();
  store.set({ chats: [], grants: [], draft: "", key: "", subject: "", regions: [], current: "", sheet: null, toast: "", erased: went });
  store.flush();
  store.forget();
  return went;
}

/** Copy an answer; its label goes with it unless the person chose otherwise (Labelling Measures Arts 4, 9). */
export async function copy(text: string, mark: string): Promise<void> {
  await navigator.clipboard.writeText(mark ? `${text}\n\n${mark}` : text);
  toast(mark ? words().copyLabelled : words().copied);
}

let toastTimer = 0;

export function toast(text: string): void {
  clearTimeout(toastTimer);
  store.set({ toast: text });
  toastTimer = window.setTimeout(() => store.set({ toast: "" }), 4000);
}
