// Decisions: may this go there, and why? And the versions of the law.

import { useState } from "preact/hooks";
import { call, Failed, usePoll } from "./api";
import { Banner, Card, Choice, Confirm, Field, Icon, Place, Table } from "./parts";
import { bare, pairs, roleOf, type Law, type View } from "./view";

type Owed = { verb: string; region: string; rule: string; duty: string; law: string; article: string; since: string; draft: boolean; routes: string[] };
type Explained = {
  date: string; decision: string; sentence: string; next_change: string; digest: string;
  routes: { route: string; title: string; tier: string; badge: string; reason: string; needs: string[]; rehearsal: boolean }[];
  ruled_out: { route: string; badge: string; reason: string; rule: string; law: string; article: string }[];
  obligations: Owed[];
};
type Version = { id: string; regions: string[]; note: string; made_at: string; state: string };

const FEATURES = ["assistant", "agent", "companion", "customer_service", "proofread", "rewrite", "summarize", "write", "translate", "detect_language", "smart_reply", "digest", "extract", "image", "speech", "video", "decision"];
const AGES = ["unknown", "under13", "13", "14-15", "16-17", "adult", "13-15"];

export function DecisionsPage({ region, may, person }: View) {
  const law = usePoll<Law>("/law", 5);
  const [asked, setAsked] = useState({ region: region || "CN", feature: "assistant", age: "unknown", data: "personal", before: "", after: "" });
  const [answers, setAnswers] = useState<Explained[] | null>(null);
  const [failure, setFailure] = useState("");
  const put = (name: string) => (word: string) => setAsked((old) => ({ ...old, [name]: word }));
  const ask = async (event: Event) => {
    event.preventDefault();
    try {
      const days = [asked.before, asked.after].filter(Boolean);
      const found = await call<{ answers: Explained[] }>("POST", "/decisions", { regions: [asked.region], feature: asked.feature, age: asked.age, data: asked.data, days });
      setAnswers(found.answers);
      setFailure("");
    } catch (error) {
      if (error instanceof Failed) setFailure(error.message);
    }
  };
  const regions = law.data?.regions.filter((each) => each.id !== "HOUSE") ?? [];
  const drafts = regions.filter((each) => each.status === "draft").length;
  return (
    <>
      {law.data ? (
        <p class="verdict">
          <Icon name={drafts ? "warn" : "check"} size={20} />
          <span>
            {law.data.state.active === "packaged" ? "The packaged law" : `Law ${law.data.state.active}`} is in force in {regions.length} regions.{" "}
            {drafts ? <em>{drafts === regions.length ? "All" : drafts} are drafts that no lawyer has signed.</em> : null}
          </span>
        </p>
      ) : null}
      <form class="form" onSubmit={ask}>
        <Choice label="Region" value={asked.region} options={regions.map((each) => [each.id, `${each.name} (${each.id})`] as const)} choose={put("region")} />
        <Choice label="Feature" value={asked.feature} options={pairs(FEATURES)} choose={put("feature")} />
        <Choice label="Age" value={asked.age} options={pairs(AGES)} choose={put("age")} />
        <Choice label="Data" value={asked.data} options={pairs(["none", "personal", "sensitive"])} choose={put("data")} />
        <Field label="On">
          <input type="date" value={asked.before} onInput={(event) => put("before")(event.currentTarget.value)} />
        </Field>
        <Field label="And on">
          <input type="date" value={asked.after} onInput={(event) => put("after")(event.currentTarget.value)} />
        </Field>
        <button type="submit" class="button primary">
          Ask the law
        </button>
      </form>
      {failure ? <Banner text={failure} tone="danger" /> : null}
      {answers ? (
        <div class={answers.length > 1 ? "grid two" : ""}>
          {answers.map((answer, number) => (
            <Answered key={answer.date} answer={answer} other={answers[1 - number]} />
          ))}
        </div>
      ) : (
        <p class="empty">Ask who may answer; two dates stand side by side.</p>
      )}
      <LawCard law={law.data} view={{ may, person }} again={law.again} />
    </>
  );
}

function Answered({ answer, other }: { answer: Explained; other: Explained | undefined }) {
  const there = new Set(other?.obligations.map((each) => each.rule));
  return (
    <Card title={`${answer.date}: ${answer.decision.replace("_", " ")}`} note={`decision ${answer.digest}`}>
      <p class="verdict small">{answer.sentence}</p>
      <ol class="stops">
        {together(answer.routes, (each) => `${each.badge}|${each.needs.join()}`).map(([each, ...more]) => (
          <li key={each.route}>
            <Place tier={each.tier} rehearsal={each.rehearsal}>{bare(each.badge) || each.title}</Place>{" "}
            <small>{[each, ...more].map((one) => one.title).filter((title, at, all) => all.indexOf(title) === at).join(", ")}</small>
            <p>{each.needs.length ? each.needs.join("; ") : reasonOf(each.reason)}</p>
          </li>
        ))}
      </ol>
      <Table
        label="Routes that are ruled out"
        rows={together(answer.ruled_out, (each) => `${each.badge}|${each.rule}`)}
        empty="No route is ruled out."
        columns={[
          { name: "Ruled out", show: ([each, ...more]) => <>{bare(each.badge) || each.route}{more.length ? <small> {more.length + 1} routes</small> : null}</> },
          { name: "Reason", show: ([each]) => each.reason },
          { name: "Rule", show: ([each]) => <span class="keep">{each.rule || "its own terms"}</span> },
          { name: "Law", show: ([each]) => (each.rule ? `${each.law} ${each.article}` : "none: a contract") },
        ]}
      />
      <Table
        label="Duties"
        rows={answer.obligations}
        empty="Nothing is owed."
        columns={[
          { name: "Owed", show: (each) => <>{other && !there.has(each.rule) ? <mark>only on this day</mark> : null} {each.duty}</> },
          { name: "Rule", show: (each) => <span class="keep">{each.rule}</span> },
          { name: "Law", show: (each) => `${each.law} ${each.article}` },
          { name: "In force", show: (each) => <><span class="keep">{each.since}</span>{each.draft ? " draft" : ""}</> },
        ]}
      />
      {answer.next_change ? <p class="note">The law changes next on {answer.next_change}.</p> : null}
    </Card>
  );
}

/** Rows that say the same, as one: the first of each and those like it. */
function together<T>(rows: readonly T[], key: (row: T) => string): [T, ...T[]][] {
  const found = new Map<string, [T, ...T[]]>();
  for (const row of rows) {
    const same = found.get(key(row));
    if (same) same.push(row);
    else found.set(key(row), [row]);
  }
  return [...found.values()];
}

/** Why a route may answer, without the sentence that every rehearsal begins with. */
const reasonOf = (reason: string) => reason.replace(/^rehearsal: local stand-in for [^;]+; /, "");

function LawCard({ law, view, again }: { law: Law | null; view: Pick<View, "may" | "person">; again: () => void }) {
  const { may, person } = view;
  const versions = usePoll<Version[]>("/law/versions", 5);
  const [text, setText] = useState("");
  const [said, setSaid] = useState<{ good: boolean; text: string } | null>(null);
  const [asking, setAsking] = useState<{ title: string; effect: string; verb: string; path: string } | null>(null);
  const [report, setReport] = useState<{ version: string; answers: number; changed: number } | null>(null);
  const attempt = async (act: () => Promise<string>) => {
    try {
      setSaid({ good: true, text: await act() });
      again();
      versions.again();
    } catch (error) {
      if (error instanceof Failed) setSaid({ good: false, text: error.message });
    }
  };
  const preview = (version: string) =>
    attempt(async () => {
      const found = await call<{ report: { answers: number; changed: number } }>("GET", `/law/versions/${version}/preview`);
      setReport({ version, ...found.report });
      return `${found.report.changed} of ${found.report.answers} recorded answers would change under ${version}.`;
    });
  return (
    <Card title="Versions of the law" note={law ? `in force: ${law.state.active}${law.state.pending ? `; being activated: ${law.state.pending}` : ""}` : ""} wide>
      {law?.state.said ? <Banner text={`The last activation was refused: ${law.state.said}`} /> : null}
      {said ? <Banner text={said.text} tone={said.good ? "ok" : "danger"} /> : null}
      <Table
        label="Versions of the law"
        rows={versions.data ?? []}
        empty="Loading"
        columns={[
          { name: "Version", show: (each) => <code>{each.id}</code> },
          { name: "Regions", show: (each) => each.regions.join(", ") || "as packaged" },
          { name: "Note", show: (each) => each.note },
          { name: "Staged", show: (each) => each.made_at },
          { name: "State", show: (each) => each.state },
          {
            name: "Act",
            show: (each) => (
              <span class="acts">
                <button type="button" class="link" onClick={() => preview(each.id)}>
                  Preview
                </button>
                {may("law.change") && each.state === "staged" ? (
                  <button type="button" class="link" onClick={() => setAsking({ title: `Activate ${each.id}?`, effect: `All nodes compile it first; if one says no, nothing changes.${report?.version === each.id ? ` ${report.changed} of ${report.answers} recorded answers would change.` : ""}`, verb: `Activate ${each.id}`, path: `/law/versions/${each.id}/activate` })}>
                    Activate
                  </button>
                ) : null}
              </span>
            ),
          },
        ]}
      />
      {may("law.change") ? (
        <form class="stack" onSubmit={(event) => { event.preventDefault(); void attempt(async () => `Staged as ${(await call<{ version: string }>("POST", "/law/versions", { files: [text] })).version}. Nothing has changed yet.`); }}>
          <Field label="A region file (TOML) to stage">
            <textarea rows={5} value={text} onInput={(event) => setText(event.currentTarget.value)} spellcheck={false} />
          </Field>
          <div class="buttons">
            <button type="submit" class="button" disabled={!text}>
              Stage
            </button>
            {law && law.state.active !== law.state.previous ? (
              <button type="button" class="button" onClick={() => setAsking({ title: "Roll back?", effect: `Version ${law.state.previous} is put in force again on all nodes.`, verb: `Roll back to ${law.state.previous}`, path: "/law/rollback" })}>
                Roll back
              </button>
            ) : null}
          </div>
        </form>
      ) : (
        <p class="note">{roleOf(person)} can read this, not change it.</p>
      )}
      {asking ? <Confirm {...asking} close={() => setAsking(null)} act={() => attempt(async () => { await call("POST", asking.path); return "All nodes were asked."; })} /> : null}
    </Card>
  );
}
