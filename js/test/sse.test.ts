import assert from "node:assert/strict";
import { test } from "node:test";
import { EventReader } from "../src/sse.js";

const WIRE = ": isthmus {\"route\":\"local/m\"}\n\ndata: {\"a\":1}\n\ndata: one\r\ndata: two\r\n\r\ndata: [DONE]\n\n";

test("events are the same for every split of the bytes", () => {
  const whole = new EventReader().feed(WIRE);
  assert.deepEqual(whole.map((event) => event.data), ["", '{"a":1}', "one\ntwo", "[DONE]"]);
  assert.equal(whole[0].comment, 'isthmus {"route":"local/m"}');
  for (let cut = 1; cut < WIRE.length; cut++) {
    const reader = new EventReader();
    assert.deepEqual([...reader.feed(WIRE.slice(0, cut)), ...reader.feed(WIRE.slice(cut))], whole, `cut at ${cut}`);
  }
});

test("a line without its end is kept back", () => {
  const reader = new EventReader();
  assert.deepEqual(reader.feed("data: hal"), []);
  assert.deepEqual(reader.feed("f\n\n").map((event) => event.data), ["half"]);
});
