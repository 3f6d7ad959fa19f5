// llama.cpp in WebAssembly (wllama), in workers of its own. Loaded only when a model on this device is first asked.
// The model is a file of the browser's own store and is read as needed; nothing here goes to a network but the engine's
// own file, from where the page says.

import { Wllama } from "@wllama/wllama";
import type { LocalAsk, LocalReply } from "./local.js";

export interface EngineFiles {
  wasm: string;
  /** For browsers without JSPI or Memory64 (Safari): another build, and its script. */
  compatWasm: string;
  compatScript: string;
}

const SILENT = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: () => undefined };

export class Engine {
  readonly #wllama: Wllama;

  private constructor(wllama: Wllama) {
    this.#wllama = wllama;
  }

  static async open(model: Blob, files: EngineFiles, context: number): Promise<Engine> {
    const wllama = new Wllama({ default: files.wasm }, { suppressNativeLog: true, logger: SILENT });
    wllama.setCompat({ wasm: files.compatWasm, worker: files.compatScript });
    await wllama.loadModel([model], { n_ctx: context, n_parallel: 1, n_gpu_layers: 0 });
    return new Engine(wllama);
  }

  /** One answer. Throws AbortError when `signal` fires. */
  async chat(ask: LocalAsk): Promise<LocalReply> {
    const reply: LocalReply = { text: "", finish: "", logprobs: [] };
    try {
      await this.#wllama.createChatCompletion({
        messages: ask.messages as never,
        stream: true,
        max_tokens: ask.maxTokens ?? 512,
        temperature: ask.temperature ?? 0,
        response_format: ask.responseFormat as never,
        logprobs: true,
        top_logprobs: 1,
        cache_prompt: true,
        abortSignal: ask.signal,
        onData: (chunk) => {
          const choice = chunk.choices[0];
          if (!choice) return;
          for (const token of choice.logprobs?.content ?? []) reply.logprobs.push(token.logprob);
          if (choice.finish_reason) reply.finish = choice.finish_reason;
          const piece = choice.delta.content;
          if (piece) {
            reply.text += piece;
            ask.onText?.(piece);
          }
        },
      });
    } catch (error) {
      if (ask.signal?.aborted) throw ask.signal.reason ?? new DOMException("Stopped.", "AbortError");
      throw error;
    }
    return reply;
  }

  close(): Promise<void> {
    return this.#wllama.exit();
  }
}
