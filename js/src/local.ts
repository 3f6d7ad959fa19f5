// What a model on this device is to the task APIs: something that is there or can be fetched, and that answers messages.

import type { Message, Origin } from "./gateway.js";

export interface LocalAsk {
  messages: Message[];
  maxTokens?: number;
  temperature?: number;
  /** As on the chat wire: {type: "json_schema", ...}. */
  responseFormat?: unknown;
  signal?: AbortSignal;
  onText?: (piece: string) => void;
}

/** One whole answer; `logprobs` are natural logarithms, one a token. */
export interface LocalReply {
  text: string;
  finish: string;
  logprobs: number[];
}

export interface LocalModel {
  readonly name: string;
  /** Tokens of question and answer together. */
  readonly contextWindow: number;
  /** "available" when whole on this device, "downloadable", "downloading", "unavailable" where the browser cannot. */
  availability(): Promise<"unavailable" | "downloadable" | "downloading" | "available">;
  chat(ask: LocalAsk): Promise<LocalReply>;
}

/** Who answered when a model on this device did. `unsure`: the answer did not pass the quality gate. */
export function localOrigin(model: string, unsure = false): Origin {
  return {
    route: model === "browser" ? "device/browser" : "device/wasm", model, source: "device",
    badge: unsure ? "On device, may be off" : "On device", rehearsal: false, region: "", decision: "", receipt: "",
    label: "", label_at: "metadata", notices: [], masked: {}, blocked: "", unsure,
  };
}
