// LanguageModel: the W3C Prompt API. A session keeps its messages; prompts append to it; a clone goes its own way.

import type { Gateway, Message, Origin } from "./gateway.js";
import { localOrigin, type LocalModel } from "./local.js";
import { pass, passing } from "./screen.js";
import { availability, bare, deviceOrigin, localState, modelFor, native, placed, streamed, type Availability, type Monitor, type Placement } from "./task.js";

export interface PromptMessage {
  role: "system" | "user" | "assistant";
  content: string | { type: "text"; value: string }[];
  /** Only on the last assistant message: the answer goes on from here. */
  prefix?: boolean;
}

export type PromptInput = string | PromptMessage[];

export interface LanguageModelTool {
  name: string;
  description: string;
  inputSchema: object;
  execute(...args: unknown[]): Promise<string>;
}

export interface LanguageModelOptions extends Placement {
  initialPrompts?: PromptMessage[];
  tools?: LanguageModelTool[];
  samplingMode?: "most-predictable" | "predictable" | "balanced" | "creative" | "most-creative";
  expectedInputs?: { type: string; languages?: string[] }[];
  expectedOutputs?: { type: string; languages?: string[] }[];
  signal?: AbortSignal;
  monitor?: (monitor: Monitor) => void;
}

export interface PromptOptions {
  responseConstraint?: object | RegExp;
  omitResponseConstraintInput?: boolean;
  signal?: AbortSignal;
}

type NativeSession = {
  prompt(input: PromptInput, options: PromptOptions): Promise<string>;
  promptStreaming(input: PromptInput, options: PromptOptions): ReadableStream<string>;
  append(input: PromptInput): Promise<void>;
  clone(options?: object): Promise<NativeSession>;
  destroy(): void;
};

const TEMPERATURE = { "most-predictable": 0, predictable: 0.3, balanced: 0.7, creative: 1, "most-creative": 1.3 };
const ROUNDS = 5; // tool calls in a row, so that a model cannot call for ever

export class LanguageModel extends EventTarget {
  static readonly isthmus = true;
  readonly contextWindow: number;
  #messages: Message[];
  readonly #options: LanguageModelOptions;
  readonly #gateway: Gateway | null;
  readonly #own: NativeSession | null;
  readonly #local: LocalModel | null;
  readonly #end = new AbortController();

  private constructor(options: LanguageModelOptions, own: NativeSession | null, messages: Message[], local: LocalModel | null = null) {
    super();
    this.#local = local;
    this.contextWindow = local?.contextWindow ?? 8192;
    this.#options = options;
    this.#own = own;
    this.#gateway = placed(options).gateway ?? null;
    this.#messages = messages;
    options.signal?.addEventListener("abort", () => this.destroy(), { once: true });
  }

  static availability(options: LanguageModelOptions = {}): Promise<Availability> {
    return availability("LanguageModel", options);
  }

  static async create(options: LanguageModelOptions = {}): Promise<LanguageModel> {
    options.signal?.throwIfAborted();
    const { gateway, mode } = placed(options);
    const factory = mode?.endsWith("in_cloud") && gateway ? null : native("LanguageModel");
    const ready = factory ? await factory.availability(bare(options)).catch(() => "unavailable") : "unavailable";
    if (ready === "available") {
      return new LanguageModel(options, (await factory!.create(bare(options))) as unknown as NativeSession, []);
    }
    const kept = placed(options).local;
    const here = !(mode?.endsWith("in_cloud") && gateway) && (await localState(kept)) === "available";
    if (here) return new LanguageModel(options, null, messagesOf(options.initialPrompts ?? []), kept!);
    if (!gateway || mode === "only_on_device") {
      throw new DOMException("No language model is on this device, and the mode allows no other.", "NotSupportedError");
    }
    return new LanguageModel(options, null, messagesOf(options.initialPrompts ?? []));
  }

  /** Tokens used so far; for a gateway an estimate (four characters, or one Han character, to a token). */
  get contextUsage(): number {
    return this.#messages.reduce((sum, message) => sum + estimate(message.content ?? ""), 0);
  }

  measureContextUsage(input: PromptInput): Promise<number> {
    return Promise.resolve(messagesOf(input).reduce((sum, message) => sum + estimate(message.content ?? ""), 0));
  }

  prompt(input: PromptInput, options: PromptOptions = {}): Promise<string> {
    return this.#run(input, options);
  }

  promptStreaming(input: PromptInput, options: PromptOptions = {}): ReadableStream<string> {
    return streamed((onText, signal) =>
      this.#run(input, { ...options, signal: options.signal ? AbortSignal.any([options.signal, signal]) : signal }, onText),
    );
  }

  async append(input: PromptInput): Promise<void> {
    if (this.#own) await this.#own.append(input);
    else this.#messages.push(...messagesOf(input));
  }

  async clone(options: { signal?: AbortSignal } = {}): Promise<LanguageModel> {
    options.signal?.throwIfAborted();
    const own = this.#own ? await this.#own.clone(options) : null;
    return new LanguageModel({ ...this.#options, ...options }, own, this.#messages.map((message) => ({ ...message })), this.#local);
  }

  destroy(): void {
    this.#end.abort(new DOMException("The session was destroyed.", "AbortError"));
    this.#own?.destroy();
  }

  #heard(origin: Origin): void {
    placed(this.#options).onOrigin?.(origin);
  }

  async #run(input: PromptInput, options: PromptOptions, onText?: (piece: string) => void): Promise<string> {
    this.#end.signal.throwIfAborted();
    if (this.#own) return this.#native(this.#own, input, options, onText);
    const asked = [...this.#messages, ...messagesOf(input)];
    if (this.#local) return this.#here(this.#local, asked, options, onText);
    for (let round = 0; ; round++) {
      const reply = await this.#gateway!.chat({
        messages: asked,
        model: modelFor(placed(this.#options).mode),
        feature: "assistant",
        temperature: this.#options.samplingMode && TEMPERATURE[this.#options.samplingMode],
        responseFormat: constraint(options.responseConstraint),
        tools: this.#options.tools?.map((tool) => ({
          type: "function",
          function: { name: tool.name, description: tool.description, parameters: tool.inputSchema },
        })),
        signal: options.signal ? AbortSignal.any([options.signal, this.#end.signal]) : this.#end.signal,
        onOrigin: (origin) => this.#heard(origin),
        onText,
      });
      const calls = reply.toolCalls.filter(Boolean);
      if (calls.length === 0 || round === ROUNDS) {
        this.#messages = [...asked, { role: "assistant", content: reply.text }];
        return reply.text;
      }
      asked.push({ role: "assistant", content: reply.text || null, tool_calls: calls });
      for (const call of calls) asked.push({ role: "tool", tool_call_id: call.id, content: await this.#execute(call) });
    }
  }

  /** The browser's own model. */
  async #native(own: NativeSession, input: PromptInput, options: PromptOptions, heard?: (piece: string) => void): Promise<string> {
    const { screen } = placed(this.#options);
    pass(screen, messagesOf(input).map((each) => each.content ?? "").join("\n"));
    this.#heard(deviceOrigin());
    if (!heard) {
      const said = await own.prompt(input, options);
      pass(screen, said);
      return said;
    }
    const onText = passing(screen, heard)!;
    let whole = "";
    const reader = own.promptStreaming(input, options).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return whole;
      whole += value;
      onText(value);
    }
  }

  /** The device's own WebAssembly model. It calls no tools. */
  async #here(local: LocalModel, asked: Message[], options: PromptOptions, onText?: (piece: string) => void): Promise<string> {
    const { screen } = placed(this.#options);
    pass(screen, asked.map((each) => each.content ?? "").join("\n"));
    this.#heard(localOrigin(local.name, true)); // a small model's free words are never sure
    const reply = await local.chat({
      messages: fitted(asked, local.contextWindow),
      temperature: this.#options.samplingMode ? TEMPERATURE[this.#options.samplingMode] : 0.3,
      responseFormat: constraint(options.responseConstraint),
      signal: options.signal ? AbortSignal.any([options.signal, this.#end.signal]) : this.#end.signal,
      onText: passing(screen, onText),
    });
    pass(screen, reply.text);
    this.#messages = [...asked, { role: "assistant", content: reply.text }];
    return reply.text;
  }

  async #execute(call: { function: { name: string; arguments: string } }): Promise<string> {
    const tool = this.#options.tools?.find((each) => each.name === call.function.name);
    if (!tool) return `There is no tool ${call.function.name}.`;
    return tool.execute(JSON.parse(call.function.arguments || "{}"));
  }
}

function messagesOf(input: PromptInput): Message[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  return input.map(({ role, content }) => ({
    role,
    content: typeof content === "string" ? content : content.map((part) => part.value).join("\n"),
  }));
}

/** A response constraint as the gateway's response_format. Throws NotSupportedError for a RegExp. */
function constraint(given: object | RegExp | undefined): object | undefined {
  if (given === undefined) return undefined;
  if (given instanceof RegExp) {
    throw new DOMException("A gateway takes a JSON schema, not a regular expression.", "NotSupportedError");
  }
  return { type: "json_schema", json_schema: { name: "answer", schema: given, strict: true } };
}

/** The newest messages that fit into half the window; the system's words stay. */
function fitted(messages: Message[], contextWindow: number): Message[] {
  const kept = [...messages];
  const size = () => kept.reduce((sum, message) => sum + estimate(message.content ?? "") + 8, 0);
  while (size() > contextWindow / 2 && kept.length > 1) {
    const oldest = kept.findIndex((message) => message.role !== "system");
    if (oldest < 0 || oldest === kept.length - 1) break;
    kept.splice(oldest, 1);
  }
  return kept;
}

function estimate(text: string): number {
  const han = text.match(/\p{Script=Han}/gu)?.length ?? 0;
  return han + Math.ceil((text.length - han) / 4);
}
