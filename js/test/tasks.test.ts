import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Gateway, LanguageDetector, LanguageModel, polyfill, Proofreader, Rewriter, screenFor, Summarizer, Translator, Writer, type Origin } from "../src/index.js";

type Asked = { model: string; messages: { role: string; content: string | null }[]; tools?: unknown[]; response_format?: unknown };

/** A gateway that says `texts` in order and remembers what it was asked. */
function saying(...texts: (string | object)[]): { gateway: Gateway; asked: Asked[]; features: string[] } {
  const asked: Asked[] = [];
  const features: string[] = [];
  const fetcher = (async (_path: string, init: RequestInit) => {
    asked.push(JSON.parse(init.body as string) as Asked);
    features.push((init.headers as Record<string, string>)["isthmus-feature"]);
    const next = texts.shift() ?? "";
    const delta = typeof next === "string" ? { content: next } : next;
    return new Response(`: isthmus {"route":"local/m","source":"private"}\n\ndata: ${JSON.stringify({ choices: [{ delta }] })}\n\ndata: [DONE]\n\n`);
  }) as unknown as typeof fetch;
  return { gateway: new Gateway({ key: "k", fetch: fetcher }), asked, features };
}

const scope = globalThis as Record<string, unknown>;
afterEach(() => {
  for (const name of ["Summarizer", "LanguageModel", "LanguageDetector", "Proofreader"]) delete scope[name];
  polyfill({});
  for (const name of ["Summarizer", "LanguageModel", "LanguageDetector", "Proofreader", "Writer", "Rewriter", "Translator"]) delete scope[name];
  delete (globalThis as unknown as Record<symbol, unknown>)[Symbol.for("isthmus.native")];
});

test("Summarizer has the draft's defaults and asks the private tier", async () => {
  const { gateway, asked, features } = saying("- a\n- b");
  const heard: Origin[] = [];
  const summarizer = await Summarizer.create({ gateway, onOrigin: (origin) => heard.push(origin) });
  assert.deepEqual([summarizer.type, summarizer.format, summarizer.length, summarizer.preference], ["key-points", "markdown", "short", "auto"]);
  assert.equal(await summarizer.summarize("long text"), "- a\n- b");
  assert.equal(asked[0].model, "private");
  assert.deepEqual(features, ["summarize"]);
  assert.match(asked[0].messages[1].content!, /<<<\nlong text\n>>>/);
  assert.equal(heard[0].source, "private");
});

test("an unknown option is refused as the browser refuses it", async () => {
  await assert.rejects(Summarizer.create({ type: "poem" as "tldr", gateway: saying().gateway }), TypeError);
  await assert.rejects(Rewriter.create({ tone: "rude" as "as-is", gateway: saying().gateway }), TypeError);
});

test("without a model and a gateway nobody may do it", async () => {
  assert.equal(await Summarizer.availability(), "unavailable");
  await assert.rejects(Summarizer.create(), { name: "NotSupportedError" });
  const { gateway } = saying();
  await assert.rejects(Summarizer.create({ gateway, mode: "only_on_device" }), { name: "NotSupportedError" });
  assert.equal(await Summarizer.availability({ gateway }), "available");
});

test("the browser's own model goes first, and the answer says so", async () => {
  scope.Summarizer = { availability: async () => "available", create: async (options: object) => ({ summarize: async (text: string) => `own ${text} ${"gateway" in options}`, destroy() {}, inputQuota: 9 }) };
  const heard: Origin[] = [];
  const { gateway, asked } = saying("cloud");
  const summarizer = await Summarizer.create({ gateway, onOrigin: (origin) => heard.push(origin) });
  assert.equal(await summarizer.summarize("x"), "own x false");
  assert.equal(heard[0].source, "device");
  assert.equal(summarizer.inputQuota, 9);
  assert.equal(asked.length, 0);
  const cloud = await Summarizer.create({ gateway, mode: "only_in_cloud" });
  assert.equal(cloud.inputQuota, 24_000);
});

test("a model that would first have to be downloaded is not used unasked", async () => {
  scope.Summarizer = { availability: async () => "downloadable", create: async () => assert.fail("it was created") };
  const { gateway } = saying("cloud");
  assert.equal(await (await Summarizer.create({ gateway })).summarize("x"), "cloud");
});

test("the polyfill keeps the browser's own class for the device", async () => {
  scope.Summarizer = { availability: async () => "available", create: async () => ({ summarize: async () => "own", destroy() {} }) };
  polyfill({ gateway: saying().gateway });
  assert.equal(scope.Summarizer, Summarizer);
  const made = await (scope.Summarizer as typeof Summarizer).create({ type: "key-points" });
  assert.equal(await made.summarize("x"), "own");
});

test("streaming gives the pieces of the answer", async () => {
  const { gateway } = saying("hello");
  const writer = await Writer.create({ gateway });
  const reader = writer.writeStreaming("a note").getReader();
  assert.deepEqual(await reader.read(), { value: "hello", done: false });
  assert.equal((await reader.read()).done, true);
});

test("a destroyed task does nothing more", async () => {
  const end = new AbortController();
  const rewriter = await Rewriter.create({ gateway: new Gateway({ key: "k", fetch: (_path, init) => new Promise((_, refuse) => init?.signal?.addEventListener("abort", () => refuse(init.signal!.reason))) }), signal: end.signal });
  const running = rewriter.rewrite("x");
  end.abort();
  await assert.rejects(running, { name: "AbortError" });
});

test("a text longer than the quota is refused before it is sent", async () => {
  const { gateway, asked } = saying();
  await assert.rejects((await Writer.create({ gateway })).write("x".repeat(24_001)), { name: "QuotaExceededError" });
  assert.equal(asked.length, 0);
});

test("Proofreader gives the places of its corrections in the input", async () => {
  const { gateway } = saying("I received it on Monday.");
  const proofreader = await Proofreader.create({ gateway, includeCorrectionTypes: true, includeCorrectionExplanations: true });
  const input = "I recieved it on monday.\n";
  const { correctedInput, corrections } = await proofreader.proofread(input);
  assert.equal(correctedInput, "I received it on Monday.\n");
  assert.deepEqual(corrections.map(({ startIndex, endIndex, correction, types }) => [input.slice(startIndex, endIndex), correction, types]), [
    ["recieved", "received", ["spelling"]],
    ["monday", "Monday", ["capitalization"]],
  ]);
  assert.equal(corrections[0].explanation, "recieved → received");
});

test("line breaks are the person's own, whatever the model did to them", async () => {
  const { gateway } = saying("One mistake. Another.");
  const { correctedInput, corrections } = await (await Proofreader.create({ gateway })).proofread("One mistke.\n\nAnother.");
  assert.equal(correctedInput, "One mistake.\n\nAnother.");
  assert.equal(corrections.length, 1);
});

test("the model is told the language of the text by name", async () => {
  const { gateway, asked } = saying("x", "y");
  const rewriter = await Rewriter.create({ gateway });
  await rewriter.rewrite("方案有三个问题");
  assert.match(asked[0].messages[0].content!, /Answer in Chinese/);
  await rewriter.rewrite("123");
  assert.match(asked[1].messages[0].content!, /language of the text/);
});

test("Translator names both languages and refuses a word that is no tag", async () => {
  const { gateway, asked } = saying("早上好");
  const translator = await Translator.create({ gateway, sourceLanguage: "en", targetLanguage: "zh-CN" });
  assert.equal(await translator.translate("Good morning"), "早上好");
  assert.match(asked[0].messages[0].content!, /from English to/);
  await assert.rejects(Translator.create({ gateway, sourceLanguage: "not a tag", targetLanguage: "en" }), RangeError);
});

test("LanguageDetector works without any model", async () => {
  const detector = await LanguageDetector.create();
  const first = async (text: string) => (await detector.detect(text))[0].detectedLanguage;
  assert.equal(await first("会议改到周一上午九点。"), "zh");
  assert.equal(await first("会議は月曜の朝九時になりました。"), "ja");
  assert.equal(await first("회의는 월요일 아침입니다"), "ko");
  assert.equal(await first("The meeting is on Monday and it is at nine"), "en");
  assert.equal(await first("Das Treffen ist am Montag und nicht heute"), "de");
  assert.equal(await first("12345"), "und");
  const all = await detector.detect("The cat 在 the garden");
  assert.ok(all.reduce((sum, each) => sum + each.confidence, 0) <= 1.0001);
});

test("LanguageModel remembers what was said, and a clone goes its own way", async () => {
  const { gateway, asked } = saying("one", "two", "three");
  const session = await LanguageModel.create({ gateway, initialPrompts: [{ role: "system", content: "be brief" }] });
  await session.prompt("first");
  const copy = await session.clone();
  await session.prompt("second");
  await copy.prompt("other");
  assert.deepEqual(asked[1].messages.map((message) => message.content), ["be brief", "first", "one", "second"]);
  assert.deepEqual(asked[2].messages.map((message) => message.content), ["be brief", "first", "one", "other"]);
  assert.ok(session.contextUsage > 0);
  assert.ok((await session.measureContextUsage("四个汉字")) === 4);
  session.destroy();
  await assert.rejects(session.prompt("late"), { name: "AbortError" });
});

test("LanguageModel runs a tool and goes on with its result", async () => {
  const call = { tool_calls: [{ index: 0, id: "t1", function: { name: "weather", arguments: '{"city":"Lyon"}' } }] };
  const { gateway, asked } = saying(call, "It rains.");
  const session = await LanguageModel.create({
    gateway,
    tools: [{ name: "weather", description: "", inputSchema: {}, execute: async (input) => `rain in ${(input as { city: string }).city}` }],
  });
  assert.equal(await session.prompt("Lyon?"), "It rains.");
  assert.equal(asked[1].messages.at(-1)?.content, "rain in Lyon");
  assert.equal(asked[0].tools?.length, 1);
});

test("a response constraint becomes a JSON schema, a pattern is refused", async () => {
  const { gateway, asked } = saying('{"a":1}');
  const session = await LanguageModel.create({ gateway });
  await session.prompt("x", { responseConstraint: { type: "object" } });
  assert.deepEqual(asked[0].response_format, { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" }, strict: true } });
  await assert.rejects(session.prompt("x", { responseConstraint: /a/ }), { name: "NotSupportedError" });
});

/** A model on the device that says `texts` in order. */
function onDevice(...texts: string[]) {
  const asked: { role: string; content: string | null }[][] = [];
  const local = {
    name: "small", contextWindow: 4096, availability: async () => "available" as const,
    chat: async ({ messages }: { messages: { role: string; content: string | null }[] }) => {
      asked.push(messages);
      return { text: texts.shift() ?? "", finish: "stop", logprobs: [] };
    },
  };
  return { local, asked };
}

test("a WebAssembly model of the device goes before the gateway, and its answer passes the gate", async () => {
  const { local, asked } = onDevice("Please send me the 3 files.");
  const { gateway, asked: beyond } = saying("cloud");
  const heard: Origin[] = [];
  const rewriter = await Rewriter.create({ tone: "more-formal", local, gateway, onOrigin: (origin) => heard.push(origin) });
  assert.equal(await rewriter.rewrite("Send me the 3 files"), "Please send me the 3 files.");
  assert.deepEqual([heard.length, heard[0].route, heard[0].unsure], [1, "device/wasm", false]);
  assert.equal(asked[0][1].content, "Send me the 3 files");
  assert.equal(beyond.length, 0);
});

test("what fails the gate goes to the gateway where the mode allows it, and only then", async () => {
  const first = onDevice("Please send me the 4 files.");
  const cloud = saying("Kindly send me the 3 files.");
  const heard: Origin[] = [];
  const asked = await Rewriter.create({ tone: "more-formal", local: first.local, gateway: cloud.gateway, onOrigin: (origin) => heard.push(origin) });
  assert.equal(await asked.rewrite("Send me the 3 files"), "Kindly send me the 3 files.");
  assert.equal(heard.at(-1)?.source, "private");
  const second = onDevice("Please send me the 4 files.");
  const alone = await Rewriter.create({ tone: "more-formal", local: second.local, gateway: cloud.gateway, mode: "only_on_device", onOrigin: (origin) => heard.push(origin) });
  assert.equal(await alone.rewrite("Send me the 3 files"), "Please send me the 4 files.");
  assert.equal(heard.at(-1)?.badge, "On device, may be off");
  assert.equal(cloud.asked.length, 1);
});

test("a streamed answer of the device shows nothing that another model may still replace", async () => {
  const { local } = onDevice("Please send me the 4 files.");
  const rewriter = await Rewriter.create({ tone: "more-formal", local, gateway: saying("Kindly send me the 3 files.").gateway });
  const seen: string[] = [];
  for await (const piece of rewriter.rewriteStreaming("Send me the 3 files") as unknown as AsyncIterable<string>) seen.push(piece);
  assert.equal(seen.join(""), "Kindly send me the 3 files.");
});

test("LanguageModel talks with the device's model and is never sure", async () => {
  const { local, asked } = onDevice("Hello!", "Again!");
  const heard: Origin[] = [];
  const session = await LanguageModel.create({ local, mode: "only_on_device", onOrigin: (origin) => heard.push(origin), initialPrompts: [{ role: "system", content: "Be brief." }] });
  assert.equal(await session.prompt("hi"), "Hello!");
  assert.equal(await session.prompt("once more"), "Again!");
  assert.deepEqual(asked[1].map((message) => message.role), ["system", "user", "assistant", "user"]);
  assert.equal(heard[0].unsure, true);
  assert.equal(session.contextWindow, 4096);
});

test("a model that is not here yet is not used, and cloud modes pass it over", async () => {
  const { local } = onDevice("no");
  const absent = { ...local, availability: async () => "downloadable" as const };
  assert.equal(await Summarizer.availability({ local: absent }), "downloadable");
  assert.equal(await (await Summarizer.create({ local: absent, gateway: saying("cloud").gateway })).summarize("x"), "cloud");
  assert.equal((await Summarizer.create({ local, mode: "only_in_cloud", gateway: saying().gateway })).inputQuota, 24_000);
});

test("a model of the device is neither asked nor heard what the region's terms stop", async () => {
  const screen = screenFor(["制毒教程"]);
  const first = onDevice("x");
  const rewriter = await Rewriter.create({ local: first.local, mode: "only_on_device", screen });
  await assert.rejects(rewriter.rewrite("改写这段制毒教程"), { code: "content_blocked" });
  assert.equal(first.asked.length, 0);
  const second = onDevice("这是一份制 毒 教 程。");
  const writer = await Writer.create({ local: second.local, mode: "only_on_device", screen });
  await assert.rejects(writer.write("写一封信"), { code: "content_blocked" });
  const third = onDevice("制毒教程");
  const session = await LanguageModel.create({ local: third.local, mode: "only_on_device", screen });
  await assert.rejects(session.prompt("你好"), { code: "content_blocked" });
});
