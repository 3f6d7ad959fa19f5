// What the app knows, in one object, and where it is kept: this device's localStorage, and nowhere else.

import type { GatewayError, Grant, Origin, Place, Preview } from "../src/gateway.js";
import type { LedgerKey } from "../src/proof.js";
import type { Mode } from "../src/task.js";
import type { ModelInfo } from "../src/wasm.js";
import type { Language } from "./words.js";

export interface Trouble {
  code: string;
  message: string;
  details: Record<string, unknown>;
}

/** One message. `state` of an answer: waiting, streaming, done, stopped, interrupted, refused. */
export interface Turn {
  id: string;
  role: "user" | "assistant";
  text: string;
  state: "waiting" | "streaming" | "done" | "stopped" | "interrupted" | "refused";
  at: number;
  origin?: Origin;
  trouble?: Trouble;
  note?: string;
  tokens?: number;
  /** Where its stream can be taken up again; `text` holds what was heard up to there. */
  place?: Place;
}

export interface Chat {
  id: string;
  title: string;
  at: number;
  turns: Turn[];
}

export interface RegionInfo {
  id: string;
  name: string;
  own: boolean;
  draft: boolean;
  label: string;
  disclosure: string;
  partners: string[];
  /** Whether the region lets a model on the device answer. */
  device?: boolean;
  /** What must be shown of a model, by tier; and the terms that a device screens questions and answers for. */
  notices?: { device: string; private: string };
  terms?: string[];
}

export interface Settings {
  language: Language;
  region: string;
  age: string;
  mode: Mode;
}

export interface KeptGrant extends Grant {
  /** Recipient, purpose and retention as they were agreed to; other ones ask again. */
  facts: string;
  title: string;
}

export interface ConsentAsked {
  kind: "consent";
  sheet: Preview["sheet"];
  preview?: Preview;
  resolve: (said: "once" | "always" | null) => void;
}

export type SheetShown =
  | ConsentAsked
  | { kind: "why"; turn: Turn }
  | { kind: "place" }
  | { kind: "plus" }
  | { kind: "chats" }
  | { kind: "more"; turn: Turn }
  | { kind: "plain"; turn: Turn }
  | { kind: "erase" };

export interface State {
  key: string;
  subject: string;
  settings: Settings;
  regions: RegionInfo[];
  chats: Chat[];
  current: string;
  grants: KeptGrant[];
  draft: string;
  route: string;
  sheet: SheetShown | null;
  online: boolean;
  deviceModel: boolean;
  /** Whose model that is: the browser's own, or one fetched from this server. */
  deviceKind: "" | "browser" | "wasm";
  model: ModelInfo | null;
  fetching: { id: string; loaded: number; total: number } | null;
  /** The ledger's key as it was first seen here. */
  ledger: LedgerKey | null;
  toast: string;
  status: string;
  erased: string[] | null;
}

const NAMES = { key: "isthmus.key", settings: "isthmus.settings", chats: "isthmus.chats", grants: "isthmus.grants", draft: "isthmus.draft", subject: "isthmus.subject", regions: "isthmus.regions", model: "isthmus.model", ledger: "isthmus.ledger" };
const MOST_CHATS = 50;

function kept<T>(name: string, otherwise: T): T {
  try {
    const found = localStorage.getItem(name);
    return found === null ? otherwise : (JSON.parse(found) as T);
  } catch {
    return otherwise;
  }
}

function keep(name: string, value: unknown): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // The device is full: what is on the screen still works, and older chats go first next time.
  }
}

function first(): State {
  const language: Language = navigator.language.startsWith("zh") ? "zh-CN" : "en";
  const chats = kept<Chat[]>(NAMES.chats, []);
  for (const chat of chats)
    for (const turn of chat.turns)
      if (turn.state === "waiting" || (turn.state === "streaming" && !turn.place)) turn.state = "interrupted"; // the page went away under it
  return {
    key: kept(NAMES.key, ""),
    subject: kept(NAMES.subject, ""),
    settings: { language, region: "", age: "", mode: "prefer_on_device", ...kept<Partial<Settings>>(NAMES.settings, {}) },
    regions: kept<RegionInfo[]>(NAMES.regions, []),
    chats,
    current: chats[0]?.id ?? "",
    grants: kept(NAMES.grants, []),
    draft: kept(NAMES.draft, ""),
    route: location.hash,
    sheet: null,
    online: navigator.onLine,
    deviceModel: false,
    deviceKind: "",
    model: kept<ModelInfo | null>(NAMES.model, null),
    fetching: null,
    ledger: kept<LedgerKey | null>(NAMES.ledger, null),
    toast: "",
    status: "",
    erased: null,
  };
}

export class Store {
  state: State = first();
  #heard = new Set<() => void>();
  #saving = 0;

  subscribe(heard: () => void): () => void {
    this.#heard.add(heard);
    return () => this.#heard.delete(heard);
  }

  set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const heard of this.#heard) heard();
    this.#persist(change);
  }

  get chat(): Chat | undefined {
    return this.state.chats.find((chat) => chat.id === this.state.current);
  }

  /** Replace one turn of one chat; others keep their identity, so only this one is drawn again. */
  turn(chatId: string, turnId: string, change: Partial<Turn>): void {
    const chats = this.state.chats.map((chat) =>
      chat.id !== chatId ? chat : { ...chat, turns: chat.turns.map((turn) => (turn.id === turnId ? { ...turn, ...change } : turn)) },
    );
    this.set({ chats });
  }

  forget(): void {
    for (const name of Object.values(NAMES)) localStorage.removeItem(name);
    sessionStorage.clear();
  }

  #persist(change: Partial<State>): void {
    const { state } = this;
    if ("key" in change) keep(NAMES.key, state.key);
    if ("settings" in change) keep(NAMES.settings, state.settings);
    if ("grants" in change) keep(NAMES.grants, state.grants);
    if ("draft" in change) keep(NAMES.draft, state.draft);
    if ("subject" in change) keep(NAMES.subject, state.subject);
    if ("regions" in change) keep(NAMES.regions, state.regions);
    if ("ledger" in change) keep(NAMES.ledger, state.ledger);
    if ("model" in change) keep(NAMES.model, state.model);
    if ("chats" in change && !this.#saving) {
      // Streams change a chat once per frame; a page that goes away writes it all, so every two seconds is enough.
      this.#saving = window.setTimeout(() => this.flush(), 2000);
    }
  }

  flush(): void {
    clearTimeout(this.#saving);
    this.#saving = 0;
    if (this.state.key) keep(NAMES.chats, this.state.chats.slice(0, MOST_CHATS));
  }
}

export function newId(): string {
  return crypto.getRandomValues(new Uint32Array(2)).reduce((text, word) => text + word.toString(36), "");
}

export function troubleOf(error: GatewayError): Trouble {
  return { code: error.code, message: error.message, details: error.details };
}

export const store = new Store();
