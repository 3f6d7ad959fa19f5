// The way to an Isthmus gateway: one question, its answer as it comes, and consent where it is asked for.
//
// Rules of this room:
// 1. Only the gateway that was named is ever contacted; the key goes into one header and nowhere else.
// 2. Before a partner gets a question, `onConsent` sees the exact text and the sheet. No answer from it means no.
// 3. An answer without its last chunk is broken, never complete. Where the gateway names the stream (isthmus-resume), it is
//    taken up again behind the last event that was heard, in this page or after a reload.

import { EventReader } from "./sse.js";

/** Who answered, under which decision, with what is owed to the reader: the gateway's `isthmus` object. */
export interface Origin {
  route: string;
  model: string;
  source: "device" | "private" | "partner";
  badge: string;
  rehearsal: boolean;
  region: string;
  decision: string;
  receipt: string;
  label: string;
  label_at: string;
  notices: string[];
  masked: Record<string, number>;
  blocked: string;
  /** A device's answer that did not pass the quality gate. */
  unsure?: boolean;
}

/** The consent sheet: words in the person's language, and the fields that answer it. */
export interface Sheet {
  kind: "separate" | "sensitive" | "guardian" | "label_duty";
  language: string;
  title: string;
  reason?: string;
  who?: string;
  purpose?: string;
  retention?: string;
  withdraw: string;
  law: string;
  draft: boolean;
  buttons: { yes: string; no: string };
  consent: { kind: string; recipient: string; region: string };
  always?: string;
  masked?: string;
  rehearsal?: string;
}

export interface Piece {
  text: string;
  kind?: string;
  code?: string;
  n?: number;
}

/** What exactly would leave for a partner. */
export interface Preview {
  texts: Piece[][];
  masked: number;
  sheet: Sheet;
  by_law: boolean;
  route: { name: string; partner: string; title: string; badge: string; rehearsal: boolean };
}

export interface Question {
  sheet: Sheet;
  preview?: Preview;
  feature: string;
}

export type Agreement = "once" | "always" | null;

export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string | null;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}

export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

export interface Grant {
  id: string;
  until: string;
  scope: "once" | "always";
  sheet: Sheet;
  feature: string;
}

export interface GatewayOptions {
  /** Where it is; "" is this page's own origin. */
  url?: string;
  key: string;
  region?: string;
  age?: string;
  language?: string;
  /** A random number of this device, so that a consent is one person's. */
  subject?: string;
  /** Ids of consents that stand already. */
  consents?: () => string[];
  /** Whether a standing consent covers this sheet. */
  covered?: (sheet: Sheet, feature: string) => boolean;
  onConsent?: (question: Question) => Promise<Agreement>;
  onGrant?: (grant: Grant) => void;
  fetch?: typeof fetch;
}

export interface Ask {
  messages: Message[];
  /** auto, a tier (private, partner), a partner or a model. */
  model?: string;
  feature?: string;
  maxTokens?: number;
  temperature?: number;
  responseFormat?: unknown;
  tools?: unknown[];
  signal?: AbortSignal;
  onOrigin?: (origin: Origin) => void;
  onText?: (piece: string) => void;
  /** Where the stream can be taken up again, after each event; null when it ended. */
  onPlace?: (place: Place | null) => void;
}

/** A stream by its name, and the number of the last event that was heard. */
export interface Place {
  token: string;
  last: number;
}

export interface Reply {
  text: string;
  origin: Origin | null;
  finish: string;
  toolCalls: ToolCall[];
}

/** A refusal or failure with the gateway's enumerated code (docs/errors.md); "network" when nothing answered. */
export class GatewayError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
    readonly status = 0,
  ) {
    super(message);
    this.name = "GatewayError";
  }
}

export class Gateway {
  readonly #options: GatewayOptions;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Ask, and hear the answer piece by piece. Throws GatewayError, or AbortError when `signal` fires. */
  async chat(ask: Ask): Promise<Reply> {
    const given: string[] = [];
    if (ask.model === "partner") {
      const shown = await this.preview(ask);
      if (!this.#options.covered?.(shown.sheet, ask.feature ?? "assistant")) {
        given.push(await this.#agree({ sheet: shown.sheet, preview: shown, feature: ask.feature ?? "assistant" }));
      }
    }
    for (let round = 0; ; round++) {
      try {
        return await this.#stream(ask, given);
      } catch (error) {
        const sheet = error instanceof GatewayError ? (error.details.sheet as Sheet | undefined) : undefined;
        if (!sheet || round === 3) throw error;
        given.push(await this.#agree({ sheet, feature: ask.feature ?? "assistant" }));
      }
    }
  }

  /** What a partner would get of this question. */
  async preview(ask: Ask): Promise<Preview> {
    const { region, age, language } = this.#options;
    return this.call<Preview>("POST", "/v1/preview", {
      texts: ask.messages.filter((each) => each.content !== null).map((each) => each.content),
      model: ask.model ?? "partner",
      region: region ?? "",
      feature: ask.feature ?? "assistant",
      age: age ?? "",
      language: language ?? "",
    });
  }

  /** Any other call: JSON in, JSON out. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.#send(path, { method, body: body === undefined ? undefined : JSON.stringify(body) }, {});
    return (await answer.json()) as T;
  }

  async #agree(question: Question): Promise<string> {
    const said = (await this.#options.onConsent?.(question)) ?? null;
    if (said === null) throw new GatewayError("declined", "The person did not agree.", { sheet: question.sheet });
    const given = await this.call<{ id: string; until: string }>("POST", "/v1/consents", {
      ...question.sheet.consent,
      feature: question.feature,
      scope: said,
      subject: this.#options.subject ?? "",
      language: question.sheet.language,
    });
    this.#options.onGrant?.({ ...given, scope: said, sheet: question.sheet, feature: question.feature });
    return given.id;
  }

  async #stream(ask: Ask, given: string[]): Promise<Reply> {
    const consents = [...given, ...(this.#options.consents?.() ?? [])].join(",");
    const body: Record<string, unknown> = {
      model: ask.model ?? "auto",
      messages: ask.messages,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: ask.maxTokens ?? 1024,
    };
    if (ask.temperature !== undefined) body.temperature = ask.temperature;
    if (ask.responseFormat) body.response_format = ask.responseFormat;
    if (ask.tools) body.tools = ask.tools;
    // The label is shown beside the answer as text of its own, so the answer itself stays clean.
    const headers: Record<string, string> = { "isthmus-label": "metadata", "isthmus-feature": ask.feature ?? "assistant" };
    if (consents) headers["isthmus-consent"] = consents;
    if (ask.onPlace) headers["isthmus-resume"] = "1"; // whoever keeps the place can take the stream up again
    const answer = await this.#send(
      "/v1/chat/completions",
      { method: "POST", body: JSON.stringify(body), signal: ask.signal },
      headers,
    );
    return this.#whole(answer, ask, { token: answer.headers.get("isthmus-resume") ?? "", last: 0 });
  }

  /** Take up a stream again where it was left, for instance after a reload. Throws GatewayError upstream_lost when it is gone. */
  async resume(place: Place, ask: Ask): Promise<Reply> {
    const here = { ...place };
    return this.#whole(await this.#again(here, ask.signal), ask, here);
  }

  /** Hear an answer to its end, over as many breaks as the gateway's window allows. */
  async #whole(answer: Response, ask: Ask, place: Place): Promise<Reply> {
    const reply: Reply = { text: "", origin: null, finish: "", toolCalls: [] };
    for (let breaks = 0; ; breaks++) {
      try {
        await listen(answer, ask, reply, place);
        ask.onPlace?.(null);
        return reply;
      } catch (error) {
        if (place.token && error instanceof DOMException && error.name === "AbortError") this.#leave(place);
        if (!place.token || !(error instanceof GatewayError) || error.code !== "upstream_lost" || breaks === MOST_BREAKS) throw error;
        answer = await this.#again(place, ask.signal);
      }
    }
  }

  /** Say that nobody wants the rest of a named stream, which is made to its end otherwise. What the gateway says to it changes nothing here. */
  #leave(place: Place): void {
    this.#send(`/v1/streams/${encodeURIComponent(place.token)}`, { method: "DELETE", keepalive: true }, {}).catch(() => undefined);
  }

  /** Ask for the rest of a stream, once somebody looks and a network is there. Throws GatewayError upstream_lost. */
  async #again(place: Place, signal?: AbortSignal): Promise<Response> {
    for (let wait = 250; ; wait *= 2) {
      await looking(signal);
      try {
        return await this.#send(`/v1/streams/${encodeURIComponent(place.token)}`, { method: "GET", signal }, { "last-event-id": String(place.last) });
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        if (error.code !== "network" || wait > 8000) throw new GatewayError("upstream_lost", "The rest of the answer is no longer there.");
        await new Promise((again) => setTimeout(again, wait));
      }
    }
  }

  async #send(path: string, init: RequestInit, more: Record<string, string>): Promise<Response> {
    const { url = "", key, region, age, subject, language, fetch: fetcher = fetch } = this.#options;
    const headers: Record<string, string> = { authorization: `Bearer ${key}`, ...more };
    if (init.body) headers["content-type"] = "application/json";
    if (language) headers["accept-language"] = language;
    if (path === "/v1/chat/completions") {
      if (region) headers["isthmus-region"] = region;
      if (age) headers["isthmus-age"] = age;
      if (subject) headers["isthmus-subject"] = subject;
    }
    let answer: Response;
    try {
      answer = await fetcher(url + path, { ...init, headers, cache: "no-store", credentials: "omit" });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new GatewayError("network", "Nothing answered.");
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }
}

const MOST_BREAKS = 20;

/** Wait until the page is seen and the browser is online: a locked screen is no failure. */
function looking(signal?: AbortSignal): Promise<void> {
  const ready = () => typeof document === "undefined" || (!document.hidden && navigator.onLine);
  if (ready()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const done = () => {
      if (!signal?.aborted && !ready()) return;
      document.removeEventListener("visibilitychange", done);
      window.removeEventListener("online", done);
      signal?.removeEventListener("abort", done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    document.addEventListener("visibilitychange", done);
    window.addEventListener("online", done);
    signal?.addEventListener("abort", done);
  });
}

async function refusal(answer: Response): Promise<GatewayError> {
  const body = (await answer.json().catch(() => ({}))) as { error?: ErrorBody };
  return failed(body.error, answer.status);
}

interface ErrorBody {
  code?: string;
  message?: string;
  isthmus?: Record<string, unknown>;
}

function failed(error: ErrorBody | undefined, status = 0): GatewayError {
  return new GatewayError(error?.code ?? "internal", error?.message ?? "", error?.isthmus ?? {}, status);
}

interface Chunk {
  choices?: { delta?: { content?: string | null; tool_calls?: PartialCall[] }; finish_reason?: string | null }[];
  isthmus?: Origin;
  error?: ErrorBody;
}

interface PartialCall {
  index?: number;
  id?: string;
  function?: { name?: string; arguments?: string };
}

/** Read a streamed answer to its end, into `reply`; `place` follows its events. Throws GatewayError upstream_lost when it ends without one. */
async function listen(answer: Response, ask: Ask, reply: Reply, place: Place): Promise<void> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  const events = new EventReader();
  let ended = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      for (const event of events.feed(value)) {
        ended = take(event.comment, event.data, reply, ask) || ended;
        if (event.id) place.last = Number(event.id);
        if (place.token && !ended) ask.onPlace?.({ ...place });
      }
    }
  } catch (error) {
    if (error instanceof GatewayError || (error instanceof DOMException && error.name === "AbortError")) throw error;
    throw new GatewayError("upstream_lost", "The connection broke off in the middle of the answer.");
  }
  if (!ended) throw new GatewayError("upstream_lost", "The answer broke off before its end.");
}

/** One event into the reply. Returns true when it was the last. */
function take(comment: string, data: string, reply: Reply, ask: Ask): boolean {
  if (comment.startsWith("isthmus {")) {
    reply.origin = JSON.parse(comment.slice("isthmus ".length)) as Origin;
    ask.onOrigin?.(reply.origin);
  }
  if (data === "") return false;
  if (data === "[DONE]") return true;
  const chunk = JSON.parse(data) as Chunk;
  if (chunk.error) throw failed(chunk.error);
  if (chunk.isthmus) {
    reply.origin = chunk.isthmus;
    ask.onOrigin?.(chunk.isthmus);
  }
  const choice = chunk.choices?.[0];
  if (choice?.finish_reason) reply.finish = choice.finish_reason;
  for (const call of choice?.delta?.tool_calls ?? []) addCall(reply.toolCalls, call);
  if (choice?.delta?.content) {
    reply.text += choice.delta.content;
    ask.onText?.(choice.delta.content);
  }
  return false;
}

function addCall(calls: ToolCall[], piece: PartialCall): void {
  const index = piece.index ?? 0;
  calls[index] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
  const call = calls[index];
  if (piece.id) call.id = piece.id;
  if (piece.function?.name) call.function.name += piece.function.name;
  if (piece.function?.arguments) call.function.arguments += piece.function.arguments;
}
