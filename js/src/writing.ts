// Summarizer, Writer, Rewriter: the W3C Writing Assistance APIs. A star in the draft marks the default; so do we.

import { rewriteRule, summaryRule, writeRule } from "./prompts.js";
import { availability, oneOf, Task, worker, wishOf, type Availability, type CallOptions, type CreateCommon, type Worker } from "./task.js";

export const SUMMARY_TYPES = ["tldr", "teaser", "key-points", "headline"] as const;
export const FORMATS = ["plain-text", "markdown"] as const;
export const LENGTHS = ["short", "medium", "long"] as const;
export const PREFERENCES = ["auto", "speed", "capability"] as const;
export const WRITER_TONES = ["formal", "neutral", "casual"] as const;
export const REWRITER_TONES = ["as-is", "more-formal", "more-casual"] as const;
export const REWRITER_LENGTHS = ["as-is", "shorter", "longer"] as const;
export const REWRITER_FORMATS = ["as-is", "plain-text", "markdown"] as const;

export interface SummarizerOptions extends CreateCommon {
  type?: (typeof SUMMARY_TYPES)[number];
  format?: (typeof FORMATS)[number];
  length?: (typeof LENGTHS)[number];
  preference?: (typeof PREFERENCES)[number];
}

export class Summarizer extends Task {
  readonly type: (typeof SUMMARY_TYPES)[number];
  readonly format: (typeof FORMATS)[number];
  readonly length: (typeof LENGTHS)[number];
  readonly preference: (typeof PREFERENCES)[number];

  private constructor(work: Worker, options: Required<Pick<SummarizerOptions, "type" | "format" | "length" | "preference">> & CreateCommon) {
    super(work, options);
    this.type = options.type;
    this.format = options.format;
    this.length = options.length;
    this.preference = options.preference;
  }

  static availability(options: SummarizerOptions = {}): Promise<Availability> {
    return availability("Summarizer", options);
  }

  static async create(options: SummarizerOptions = {}): Promise<Summarizer> {
    const full = {
      ...options,
      type: oneOf("type", options.type ?? "key-points", SUMMARY_TYPES),
      format: oneOf("format", options.format ?? "markdown", FORMATS),
      length: oneOf("length", options.length ?? "short", LENGTHS),
      preference: oneOf("preference", options.preference ?? "auto", PREFERENCES),
    };
    const rule = summaryRule(full.type, full.length, full.format);
    return new Summarizer(await worker("Summarizer", "summarize", full, wishOf("summarize", rule, full)), full);
  }

  summarize(input: string, options: CallOptions = {}): Promise<string> {
    return this.work.run(input, options);
  }

  summarizeStreaming(input: string, options: CallOptions = {}): ReadableStream<string> {
    return this.stream(input, options);
  }
}

export interface WriterOptions extends CreateCommon {
  tone?: (typeof WRITER_TONES)[number];
  format?: (typeof FORMATS)[number];
  length?: (typeof LENGTHS)[number];
}

export class Writer extends Task {
  readonly tone: (typeof WRITER_TONES)[number];
  readonly format: (typeof FORMATS)[number];
  readonly length: (typeof LENGTHS)[number];

  private constructor(work: Worker, options: Required<Pick<WriterOptions, "tone" | "format" | "length">> & CreateCommon) {
    super(work, options);
    this.tone = options.tone;
    this.format = options.format;
    this.length = options.length;
  }

  static availability(options: WriterOptions = {}): Promise<Availability> {
    return availability("Writer", options);
  }

  static async create(options: WriterOptions = {}): Promise<Writer> {
    const full = {
      ...options,
      tone: oneOf("tone", options.tone ?? "neutral", WRITER_TONES),
      format: oneOf("format", options.format ?? "markdown", FORMATS),
      length: oneOf("length", options.length ?? "short", LENGTHS),
    };
    const rule = writeRule(full.tone, full.length, full.format);
    return new Writer(await worker("Writer", "write", full, wishOf("write", rule, full)), full);
  }

  write(input: string, options: CallOptions = {}): Promise<string> {
    return this.work.run(input, options);
  }

  writeStreaming(input: string, options: CallOptions = {}): ReadableStream<string> {
    return this.stream(input, options);
  }
}

export interface RewriterOptions extends CreateCommon {
  tone?: (typeof REWRITER_TONES)[number];
  format?: (typeof REWRITER_FORMATS)[number];
  length?: (typeof REWRITER_LENGTHS)[number];
}

export class Rewriter extends Task {
  readonly tone: (typeof REWRITER_TONES)[number];
  readonly format: (typeof REWRITER_FORMATS)[number];
  readonly length: (typeof REWRITER_LENGTHS)[number];

  private constructor(work: Worker, options: Required<Pick<RewriterOptions, "tone" | "format" | "length">> & CreateCommon) {
    super(work, options);
    this.tone = options.tone;
    this.format = options.format;
    this.length = options.length;
  }

  static availability(options: RewriterOptions = {}): Promise<Availability> {
    return availability("Rewriter", options);
  }

  static async create(options: RewriterOptions = {}): Promise<Rewriter> {
    const full = {
      ...options,
      tone: oneOf("tone", options.tone ?? "as-is", REWRITER_TONES),
      format: oneOf("format", options.format ?? "as-is", REWRITER_FORMATS),
      length: oneOf("length", options.length ?? "as-is", REWRITER_LENGTHS),
    };
    const rule = rewriteRule(full.tone, full.length);
    return new Rewriter(await worker("Rewriter", "rewrite", full, wishOf("rewrite", rule, full)), full);
  }

  rewrite(input: string, options: CallOptions = {}): Promise<string> {
    return this.work.run(input, options);
  }

  rewriteStreaming(input: string, options: CallOptions = {}): ReadableStream<string> {
    return this.stream(input, options);
  }
}
