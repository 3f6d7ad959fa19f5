// Guard: would this text pass?

import { useState } from "preact/hooks";
import { call, Failed, usePoll } from "./api";
import { Banner, Card, Choice, Field, Icon, Table, whole } from "./parts";
import { type Law, type View } from "./view";

type Guarded = { sent: string; blocked: boolean; marks: { start: number; end: number; what: string; which: string; rule: string }[]; verdicts: { duty: string; rule: string; verdict: string; us: number }[] };

export function GuardPage({ region }: View) {
  const [text, setText] = useState("");
  const [where, setWhere] = useState(region || "CN");
  const [tried, setTried] = useState("");
  const [found, setFound] = useState<Guarded | null>(null);
  const [failure, setFailure] = useState("");
  const law = usePoll<Law>("/law", 0);
  const ask = async (event: Event) => {
    event.preventDefault();
    try {
      setFound(await call<Guarded>("POST", "/guard", { text, region: where }));
      setTried(text);
      setFailure("");
    } catch (error) {
      if (error instanceof Failed) setFailure(error.message);
    }
  };
  return (
    <>
      <p class="verdict">
        <Icon name={found?.blocked ? "warn" : "check"} size={20} />
        <span>{!found ? "No text was tried yet." : found.blocked ? <em>This text would be stopped.</em> : `This text would pass${found.marks.length ? `, with ${found.marks.length} marked` : ""}.`}</span>
      </p>
      <form class="stack" onSubmit={ask}>
        <Choice label="Region" value={where} options={(law.data?.regions ?? []).filter((each) => each.id !== "HOUSE").map((each) => [each.id, `${each.name} (${each.id})`] as const)} choose={setWhere} />
        <Field label="A text to try. It is not sent, kept or logged.">
          <textarea rows={4} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </Field>
        <div class="buttons">
          <button type="submit" class="button primary" disabled={!text}>
            Test
          </button>
        </div>
      </form>
      {failure ? <Banner text={failure} tone="danger" /> : null}
      {found ? (
        <>
          <Card title="The text with its marks" wide>
            <p class="marked">{marked(tried, found.marks)}</p>
            {found.blocked ? null : <p class="note">What would leave: <code>{found.sent}</code></p>}
          </Card>
          <Card title="Verdict per duty" wide>
            <Table
              label="Verdict per duty"
              rows={found.verdicts}
              empty="No duty reads text here."
              columns={[
                { name: "Duty", show: (each) => each.duty },
                { name: "Verdict", show: (each) => each.verdict },
                { name: "Where", show: (each) => found.marks.filter((mark) => each.rule.startsWith(mark.rule)).map((mark) => `${mark.start}–${mark.end} ${mark.which}`).join(", ") || "–" },
                { name: "Rule", show: (each) => each.rule },
                { name: "Time, µs", right: true, show: (each) => whole(each.us) },
              ]}
            />
          </Card>
        </>
      ) : null}
    </>
  );
}

/** The text cut at its marks. Offsets count code points, as the server's do. */
function marked(text: string, marks: Guarded["marks"]) {
  const letters = [...text];
  const out = [];
  let at = 0;
  for (const mark of marks.toSorted((a, b) => a.start - b.start)) {
    if (mark.start < at) continue;
    out.push(letters.slice(at, mark.start).join(""));
    out.push(<mark class={mark.what}>{letters.slice(mark.start, mark.end).join("")}<small> {mark.which}</small></mark>);
    at = mark.end;
  }
  out.push(letters.slice(at).join(""));
  return out;
}
