import assert from "node:assert/strict";
import { test } from "node:test";
import { Gateway, GatewayError, type GatewayOptions, type Grant, type Origin, type Question } from "../src/gateway.js";

const ORIGIN: Origin = {
  route: "local/m", model: "m", source: "private", badge: "Private tier", rehearsal: false, region: "CN", decision: "d",
  receipt: "w0-1-1", label: "内容由AI生成", label_at: "metadata", notices: [], masked: {}, blocked: "",
};
const SHEET = {
  kind: "separate" as const, language: "zh-CN", title: "把这个问题交给豆包？", withdraw: "", law: "", draft: true,
  buttons: { yes: "仅这一次", no: "暂不" }, consent: { kind: "separate", recipient: "doubao", region: "CN" },
};
const PREVIEW = { texts: [[{ text: "hi" }]], masked: 0, sheet: SHEET, by_law: true, route: { name: "doubao/x", partner: "doubao", title: "X", badge: "Doubao", rehearsal: false } };

interface Seen {
  path: string;
  method: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** A gateway that answers from a list, in order, and remembers what it was asked. */
function scripted(answers: Response[], options: Partial<GatewayOptions> = {}): { gateway: Gateway; seen: Seen[] } {
  const seen: Seen[] = [];
  const fetcher = (async (path: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    seen.push({ path, method: init.method ?? "GET", headers, body: init.body ? JSON.parse(init.body as string) : {} });
    const next = answers.shift();
    assert.ok(next, `no answer left for ${path}`);
    return next;
  }) as unknown as typeof fetch;
  return { gateway: new Gateway({ key: "isk_x", ...options, fetch: fetcher }), seen };
}

function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

function stream(...events: string[]): Response {
  return new Response(events.map((event) => `${event}\n\n`).join(""));
}

const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}`;
const whole = (...texts: string[]) =>
  stream(`: isthmus ${JSON.stringify(ORIGIN)}`, ...texts.map(chunk), `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: "stop" }], isthmus: ORIGIN })}`, "data: [DONE]");
const ask = { messages: [{ role: "user" as const, content: "hi" }] };

async function code(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => assert.fail("it was answered"), (raised: unknown) => raised);
  assert.ok(error instanceof GatewayError, String(error));
  return error.code;
}

test("an answer is heard piece by piece, and its origin before its words", async () => {
  const { gateway, seen } = scripted([whole("你", "好")], { region: "CN", age: "adult", language: "zh-CN", subject: "s" });
  const heard: string[] = [];
  const reply = await gateway.chat({ ...ask, feature: "rewrite", onText: (piece) => heard.push(piece), onOrigin: (origin) => heard.push(origin.route) });
  assert.deepEqual(heard, ["local/m", "你", "好", "local/m"]);
  assert.equal(reply.text, "你好");
  assert.equal(reply.finish, "stop");
  assert.deepEqual(reply.origin, ORIGIN);
  const { headers } = seen[0];
  assert.equal(headers.authorization, "Bearer isk_x");
  assert.equal(headers["isthmus-label"], "metadata");
  assert.equal(headers["isthmus-region"], "CN");
  assert.equal(headers["isthmus-feature"], "rewrite");
  assert.equal(headers["isthmus-age"], "adult");
});

test("an answer without its end is broken, not complete", async () => {
  assert.equal(await code(scripted([stream(chunk("half"))]).gateway.chat(ask)), "upstream_lost");
});

test("an error event ends the stream with its own code", async () => {
  const error = { error: { code: "stream_ended", message: "stopped" } };
  assert.equal(await code(scripted([stream(chunk("a"), `data: ${JSON.stringify(error)}`)]).gateway.chat(ask)), "stream_ended");
});

test("a refusal keeps its code, its status and its law", async () => {
  const body = { error: { code: "no_lawful_route", message: "No model", isthmus: { law: [{ title: "PIPL", article: "38" }] } } };
  const failed = scripted([json(body, 451)]).gateway.chat(ask);
  await assert.rejects(failed, (error: GatewayError) => error.status === 451 && Array.isArray(error.details.law));
});

test("no network is one plain code", async () => {
  const gateway = new Gateway({ key: "k", fetch: (() => Promise.reject(new TypeError("failed"))) as typeof fetch });
  assert.equal(await code(gateway.chat(ask)), "network");
});

test("a partner is asked only after the person saw the exact text and agreed", async () => {
  const questions: Question[] = [];
  const grants: Grant[] = [];
  const { gateway, seen } = scripted([json(PREVIEW), json({ id: "c1", until: "2026-11-22T10:00:00Z" }, 201), whole("ok")], {
    onConsent: async (question) => { questions.push(question); return "once"; },
    onGrant: (grant) => grants.push(grant),
  });
  await gateway.chat({ ...ask, model: "partner" });
  assert.deepEqual(seen.map((each) => each.path), ["/v1/preview", "/v1/consents", "/v1/chat/completions"]);
  assert.deepEqual(questions[0].preview, PREVIEW);
  assert.equal(seen[1].body.recipient, "doubao");
  assert.equal(seen[1].body.scope, "once");
  assert.equal(seen[2].headers["isthmus-consent"], "c1");
  assert.equal(grants[0].id, "c1");
});

test("no is no: nothing is sent to the partner", async () => {
  const { gateway, seen } = scripted([json(PREVIEW)], { onConsent: async () => null });
  assert.equal(await code(gateway.chat({ ...ask, model: "partner" })), "declined");
  assert.deepEqual(seen.map((each) => each.path), ["/v1/preview"]);
});

test("without anybody to ask the answer is no", async () => {
  assert.equal(await code(scripted([json(PREVIEW)]).gateway.chat({ ...ask, model: "partner" })), "declined");
});

test("a standing consent is not asked for again", async () => {
  const { gateway, seen } = scripted([json(PREVIEW), whole("ok")], { consents: () => ["c9"], covered: () => true });
  await gateway.chat({ ...ask, model: "partner" });
  assert.equal(seen[1].headers["isthmus-consent"], "c9");
});

test("a consent that the gateway asks for is given and the question repeated", async () => {
  const refused = () => json({ error: { code: "consent_required", message: "", isthmus: { sheet: SHEET } } }, 403);
  const { gateway, seen } = scripted([refused(), json({ id: "c2", until: "" }, 201), whole("ok")], { onConsent: async () => "always" });
  assert.equal((await gateway.chat(ask)).text, "ok");
  assert.equal(seen[2].headers["isthmus-consent"], "c2");
  assert.equal(seen[1].body.scope, "always");
});

test("a gateway that never stops asking is given up on", async () => {
  const refused = () => json({ error: { code: "consent_required", message: "", isthmus: { sheet: SHEET } } }, 403);
  const given = () => json({ id: "c", until: "" }, 201);
  const { gateway } = scripted([refused(), given(), refused(), given(), refused(), given(), refused()], { onConsent: async () => "once" });
  assert.equal(await code(gateway.chat(ask)), "consent_required");
});

test("tool calls are put together from their pieces", async () => {
  const call = (piece: object) => `data: ${JSON.stringify({ choices: [{ delta: { tool_calls: [{ index: 0, ...piece }] } }] })}`;
  const { gateway } = scripted([stream(call({ id: "t1", function: { name: "add", arguments: '{"a"' } }), call({ function: { arguments: ":1}" } }), "data: [DONE]")]);
  const { toolCalls } = await gateway.chat(ask);
  assert.deepEqual(toolCalls, [{ id: "t1", type: "function", function: { name: "add", arguments: '{"a":1}' } }]);
});

const numbered = (first: number, ...events: string[]) => events.map((event, at) => `id: ${first + at}\n${event}`);
const named = (answer: Response) => new Response(answer.body, { headers: { "isthmus-resume": "tok" } });
const END = [`data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: "stop" }], isthmus: ORIGIN })}`, "data: [DONE]"];

test("a broken stream that has a name is taken up behind the last event that was heard", async () => {
  const { gateway, seen } = scripted([
    named(stream(...numbered(1, `: isthmus ${JSON.stringify(ORIGIN)}`, chunk("one "), chunk("two ")))),
    stream(...numbered(4, chunk("three"), ...END)),
  ]);
  const places: unknown[] = [];
  const reply = await gateway.chat({ ...ask, onPlace: (place) => places.push(place) });
  assert.equal(reply.text, "one two three");
  assert.equal(seen[0].headers["isthmus-resume"], "1");
  assert.equal(seen[1].path, "/v1/streams/tok");
  assert.equal(seen[1].headers["last-event-id"], "3");
  assert.deepEqual(places.slice(0, 3).map((place) => (place as { last: number }).last), [1, 2, 3]);
  assert.equal(places.at(-1), null);
});

test("after a reload the rest of a stream is heard from where it was left", async () => {
  const { gateway, seen } = scripted([stream(...numbered(8, chunk("rest"), ...END))]);
  const heard: string[] = [];
  const reply = await gateway.resume({ token: "tok", last: 7 }, { messages: [], onText: (piece) => heard.push(piece) });
  assert.deepEqual(heard, ["rest"]);
  assert.equal(reply.origin?.receipt, ORIGIN.receipt);
  assert.equal(seen[0].method, "GET");
});

test("a stream that is gone is interrupted, and one without a name never asked for again", async () => {
  const gone = scripted([named(stream(...numbered(1, chunk("a")))), json({ error: { code: "not_found", message: "" } }, 404)]);
  assert.equal(await code(gone.gateway.chat(ask)), "upstream_lost");
  const nameless = scripted([stream(chunk("a"))]);
  assert.equal(await code(nameless.gateway.chat(ask)), "upstream_lost");
  assert.equal(nameless.seen.length, 1);
});

test("whoever stops a named stream tells the gateway, whatever it says to that", async () => {
  const end = new AbortController();
  const pull = (head: Record<string, string>) =>
    new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`id: 1\n${chunk("one ")}\n\n`));
          end.signal.addEventListener("abort", () => controller.error(end.signal.reason));
        },
      }),
      { headers: head },
    );
  const stopping = async (answers: Response[]) => {
    const { gateway, seen } = scripted(answers);
    const asked = gateway.chat({ ...ask, signal: end.signal, onPlace: () => undefined, onText: () => setTimeout(() => end.abort()) });
    await assert.rejects(asked, { name: "AbortError" });
    await new Promise((later) => setTimeout(later));
    return seen.map(({ method, path }) => `${method} ${path}`);
  };
  assert.deepEqual(await stopping([pull({ "isthmus-resume": "w0.tok" }), json({ code: "not_found" }, 404)]), ["POST /v1/chat/completions", "DELETE /v1/streams/w0.tok"]);
});
