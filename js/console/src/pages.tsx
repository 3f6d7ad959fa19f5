// The eight pages. Each answers one question in five seconds: a sentence, a picture, a table.

import { useMemo, useState } from "preact/hooks";
import { call, Failed, usePoll } from "./api";
import { Bar, FlowPicture, Lines, Spark, type Flow } from "./charts";
import { Banner, Card, Choice, Confirm, Field, Icon, Pictured, Place, Shown, Stat, Table, clock, ms, some, when, whole } from "./parts";
import { check, type Provable, type Tick } from "./proof";

export type View = { range: string; region: string; may: (word: string) => boolean; open: (page: string) => void };

type Need = { title: string; text: string; page: string };
type Point = { at: number; count: number; refused: number; p50: number | null; p99: number | null; tokens: number };
type Refused = { region: string; code: string; law: string; count: number };
type Now = {
  at: number; since: number; step: number; seconds: number; source: string; sentence: string; worst: string; count: number; per_second: number;
  refused_percent: number | null; first_p50: number | null; first_p99: number | null; cost_per_hour: number | null; priced: string; device: string;
  unlabelled: number; flows: Flow[]; points: Point[]; refusals: Refused[]; needs: Need[];
};

const PLACES: Record<string, string> = { local: "Private tier", refused: "Refused", device: "On device", "not answered": "Not answered" };
const placeName = (id: string) => PLACES[id] ?? id.charAt(0).toUpperCase() + id.slice(1);
const words = (code: string) => {
  const plain = code.replaceAll("_", " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
};
const FIRST = <>Nothing yet. Ask something: <code>isthmus ask "你好"</code></>;

export function NowPage({ range, region, open }: View) {
  const polled = usePoll<Now>(`/now?range=${range}&region=${region}`, 2);
  return <Shown polled={polled}>{(now) => <NowShown now={now} open={open} at={polled.at} />}</Shown>;
}

function NowShown({ now, open, at }: { now: Now; open: (page: string) => void; at: number }) {
  const [times, lines] = useMemo(() => {
    const kept = now.points;
    const scaled = (value: number | null) => (value === null ? null : Math.max(1, value * 1000));
    return [kept.map((point) => point.at), [{ name: "p50", values: kept.map((point) => scaled(point.p50)) }, { name: "p99", values: kept.map((point) => scaled(point.p99)), strong: true }]] as const;
  }, [now]);
  const top = Math.max(1, ...now.refusals.map((each) => each.count));
  const slow = now.first_p99 !== null && now.first_p99 > 2;
  const span = now.seconds < 120 ? `${now.seconds} s` : `${Math.round(now.seconds / 60)} min`;
  return (
    <>
      <p class="verdict">
        <Icon name={now.worst ? "warn" : "check"} size={20} />
        <span>
          {now.sentence} {now.worst ? <em>{now.worst}</em> : null}
        </span>
      </p>
      <p class="note age">
        Counted from {now.source}, over the last {span}; as of {clock(at)} UTC.
      </p>
      <div class="tiles">
        <Stat label="Queries" value={some(now.per_second)} unit="/s" note={`${whole(now.count)} in ${span}`} />
        <Stat label="Answered on device" value="–" note="not measured" />
        <Stat label="First token, p99" value={now.first_p99 === null ? "–" : some(now.first_p99, 3)} unit="s" note={now.first_p50 === null ? "nothing counted" : `p50 ${some(now.first_p50, 3)} s`} {...(slow ? { tone: "warn" as const } : {})} />
        <Stat label="Refused" value={now.refused_percent === null ? "–" : some(now.refused_percent)} unit="%" note={now.refusals.some((each) => !each.law) ? "some are limits, not law" : "all cite a rule"} />
        <Stat label="Cost" value={now.cost_per_hour === null ? "–" : `$${some(now.cost_per_hour)}`} unit="/h" note={now.priced} />
      </div>
      <div class="grid now">
        <Pictured
          title="Where answers come from"
          note={`queries, last ${span}`}
          picture={now.flows.length ? <FlowPicture flows={now.flows} names={placeName} unit="Queries by region and place" /> : <p class="empty">{FIRST}</p>}
          table={
            <Table
              label="Queries by region and place"
              rows={now.flows}
              empty={FIRST}
              columns={[
                { name: "Region", show: (flow) => flow.region },
                { name: "Answered by", show: (flow) => <Place tier={flow.tier}>{placeName(flow.place)}</Place> },
                { name: "Queries", right: true, show: (flow) => whole(flow.count) },
              ]}
            />
          }
        />
        <Card title="Needs you" note={String(now.needs.length)}>
          {now.needs.length ? (
            <ul class="needs">
              {now.needs.map((need) => (
                <li key={need.title}>
                  <h3>{need.title}</h3>
                  <p>{need.text}</p>
                  <button type="button" class="link" onClick={() => open(need.page)}>
                    Open {need.page}
                  </button>
                </li>
              ))}
            </ul>
          ) : (
            <p class="empty">Nothing.</p>
          )}
        </Card>
        <Pictured
          title="Time to first token"
          note="ms, log scale"
          picture={times.length ? <Lines at={times} lines={[...lines]} limit={2000} unit="Milliseconds to the first token" /> : <p class="empty">{FIRST}</p>}
          table={
            <Table
              label="Milliseconds to the first token"
              rows={now.points.filter((point) => point.count).toReversed()}
              empty={FIRST}
              columns={[
                { name: "From (UTC)", show: (point) => clock(point.at * 1000) },
                { name: "Queries", right: true, show: (point) => whole(point.count) },
                { name: "p50 ms", right: true, show: (point) => ms(point.p50) },
                { name: "p99 ms", right: true, show: (point) => ms(point.p99) },
              ]}
            />
          }
        />
        <Card title="Refusals by rule" note={`last ${span}`}>
          <Table
            label="Refusals by rule"
            rows={now.refusals}
            empty="Nothing was refused."
            columns={[
              { name: "Rule", show: (each) => words(each.code) },
              { name: "Law", show: (each) => each.law || `${each.region}, a limit of this house` },
              { name: "Count", right: true, show: (each) => whole(each.count) },
              { name: "Beside the largest", show: (each) => <Bar value={each.count} top={top} label={`${each.count} of ${top}`} /> },
            ]}
          />
        </Card>
      </div>
    </>
  );
}

type Owed = { verb: string; region: string; rule: string; duty: string; law: string; article: string; since: string; draft: boolean; routes: string[] };
type Explained = {
  date: string; decision: string; sentence: string; next_change: string; digest: string;
  routes: { route: string; title: string; tier: string; badge: string; reason: string; needs: string[]; rehearsal: boolean }[];
  ruled_out: { route: string; badge: string; reason: string; rule: string; law: string; article: string }[];
  obligations: Owed[];
};
type State = { active: string; previous: string; pending: string; said: string };
type Version = { id: string; regions: string[]; note: string; made_at: string; state: string };
type Law = { state: State; regions: { id: string; name: string; status: string; rules: number }[] };

const FEATURES = ["assistant", "agent", "companion", "customer_service", "proofread", "rewrite", "summarize", "write", "translate", "detect_language", "smart_reply", "digest", "extract", "image", "speech", "video", "decision"];
const AGES = ["unknown", "under13", "13", "14-15", "16-17", "adult", "13-15"];
const pairs = (list: readonly string[]) => list.map((word) => [word, word] as const);

export function DecisionsPage({ region, may }: View) {
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
  return (
    <>
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
      <LawCard law={law.data} may={may} again={law.again} />
    </>
  );
}

function Answered({ answer, other }: { answer: Explained; other: Explained | undefined }) {
  const there = new Set(other?.obligations.map((each) => each.rule));
  return (
    <Card title={`${answer.date}: ${answer.decision.replace("_", " ")}`} note={`decision ${answer.digest}`}>
      <p class="verdict small">{answer.sentence}</p>
      <ol class="stops">
        {answer.routes.map((each) => (
          <li key={each.route}>
            <Place tier={each.tier}>{each.badge || each.title}</Place> {each.rehearsal ? <span class="dashed">rehearsal</span> : null}
            <p>{each.needs.length ? each.needs.join("; ") : each.reason}</p>
          </li>
        ))}
      </ol>
      <Table
        label="Routes that are ruled out"
        rows={answer.ruled_out}
        empty="No route is ruled out."
        columns={[
          { name: "Ruled out", show: (each) => each.badge || each.route },
          { name: "Reason", show: (each) => each.reason },
          { name: "Rule", show: (each) => each.rule || "its own terms" },
          { name: "Law", show: (each) => `${each.law} ${each.article}` },
        ]}
      />
      <Table
        label="Duties"
        rows={answer.obligations}
        empty="Nothing is owed."
        columns={[
          { name: "Owed", show: (each) => <>{other && !there.has(each.rule) ? <mark>only on this day</mark> : null} {each.duty}</> },
          { name: "Rule", show: (each) => each.rule },
          { name: "Law", show: (each) => `${each.law} ${each.article}` },
          { name: "In force", show: (each) => `${each.since}${each.draft ? ", draft" : ""}` },
        ]}
      />
      {answer.next_change ? <p class="note">The law changes next on {answer.next_change}.</p> : null}
    </Card>
  );
}

function LawCard({ law, may, again }: { law: Law | null; may: (word: string) => boolean; again: () => void }) {
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
        <p class="note">Your role can read this, not change it.</p>
      )}
      {asking ? <Confirm {...asking} close={() => setAsking(null)} act={() => attempt(async () => { await call("POST", asking.path); return "All nodes were asked."; })} /> : null}
    </Card>
  );
}

type RouteHealth = { route: string; rehearsal: boolean; resting: number; answers: number; failed: number; busy: number; first_p50: number | null; first_p99: number | null; whole_p99: number | null; cost: number | null; points: (number | null)[] };
type PartnerSeen = { id: string; title: string; tier: string; legal_name: string; regions: string[]; key_env: string; key_set: boolean; retention: string; training: string; drained: boolean; drained_since: string; routes: RouteHealth[] };

export function PartnersPage({ may }: View) {
  const polled = usePoll<PartnerSeen[]>("/partners", 5);
  const [asking, setAsking] = useState<PartnerSeen | null>(null);
  return (
    <Shown polled={polled}>
      {(partners) => {
        const rows = partners.flatMap((partner) => partner.routes.map((route) => ({ partner, ...route }))).toSorted((a, b) => b.answers - a.answers);
        const used = rows.filter((row) => row.answers);
        const all = rows.reduce((sum, row) => sum + row.answers, 0);
        const top = Math.max(0.001, ...used.flatMap((row) => row.points.filter((point) => point !== null)));
        const resting = rows.filter((row) => row.resting);
        return (
          <>
            <p class="verdict">
              <Icon name={resting.length ? "warn" : "check"} size={20} />
              <span>{resting.length ? <em>{resting.map((row) => row.route).join(", ")} rest after failures.</em> : "No route rests."} {partners.filter((each) => each.drained).map((each) => `${each.title} is drained.`).join(" ")}</span>
            </p>
            <div class="multiples">
              {used.map((row) => (
                <div class="card" key={row.route}>
                  <Place tier={row.partner.tier}>{row.route}</Place>
                  <Spark values={row.points} top={top} />
                  <span class="note">first token p99 {row.first_p99 === null ? "–" : `${some(row.first_p99)} s`}; scale 0 to {some(top)} s</span>
                </div>
              ))}
            </div>
            <Card title="Partners" note="last 15 min" wide>
              <Table
                label="Partners"
                rows={rows}
                empty="No partner file is installed."
                columns={[
                  { name: "Partner", show: (row) => <><Place tier={row.partner.tier}>{row.partner.title}</Place> {row.rehearsal ? <span class="dashed">rehearsal</span> : null}</> },
                  { name: "Route", show: (row) => row.route },
                  { name: "Region", show: (row) => row.partner.regions.join(", ") },
                  { name: "State", show: (row) => (row.partner.drained ? `drained since ${row.partner.drained_since}` : row.resting ? `rests in ${row.resting} workers` : "open") },
                  { name: "p50 s", right: true, show: (row) => some(row.first_p50) },
                  { name: "p99 s", right: true, show: (row) => some(row.first_p99) },
                  { name: "Busy %", right: true, show: (row) => (row.answers ? some((100 * row.busy) / row.answers) : "–") },
                  { name: "Errors %", right: true, show: (row) => (row.answers ? some((100 * row.failed) / row.answers) : "–") },
                  { name: "Share %", right: true, show: (row) => (all ? some((100 * row.answers) / all) : "–") },
                  { name: "Cost $", right: true, show: (row) => some(row.cost, 4) },
                  {
                    name: "Act",
                    show: (row) =>
                      may("partners.change") && row.partner.tier === "partner" ? (
                        <button type="button" class="link" onClick={() => setAsking(row.partner)}>
                          {row.partner.drained ? "Undrain" : "Drain"}
                        </button>
                      ) : null,
                  },
                ]}
              />
              {may("partners.change") ? null : <p class="note">Your role can read this, not change it.</p>}
            </Card>
            {asking ? (
              <Confirm
                title={asking.drained ? `Ask ${asking.title} as before?` : `Drain ${asking.title}?`}
                effect={asking.drained ? "New questions may go there again, where the decision allows it." : "New questions go to other routes that the decision lists. Where it is the only one, it still answers."}
                verb={asking.drained ? `Undrain ${asking.title}` : `Drain ${asking.title}`}
                close={() => setAsking(null)}
                act={async () => {
                  await call(asking.drained ? "DELETE" : "PUT", `/partners/${asking.id}/drain`);
                  polled.again();
                }}
              />
            ) : null}
          </>
        );
      }}
    </Shown>
  );
}

type BudgetSeen = { budget: { id: string; scope: string; target: string; unit: string; span: string; most: number; currency: string }; words: string; used: number; taken: number; ends: number; ends_at: number };
type Tenant = { tenant: string; organisation: string; answers: number; tokens_in: number; tokens_out: number; cost: number; top_model: string };
type Money = { since: number; budgets: BudgetSeen[]; tenants: Tenant[]; priced: string; skipped: number };

export function MoneyPage({ may }: View) {
  const polled = usePoll<Money>("/money", 5);
  const [draft, setDraft] = useState({ target: "", most: "1000", unit: "requests", span: "day" });
  const [failure, setFailure] = useState("");
  const save = async (event: Event) => {
    event.preventDefault();
    const money = draft.unit === "money";
    try {
      await call("POST", "/budgets", { scope: "tenant", target: draft.target, unit: draft.unit, most: Number(draft.most) * (money ? 1e6 : 1), span: draft.span, ...(money ? { currency: "USD" } : {}) });
      setFailure("");
      polled.again();
    } catch (error) {
      if (error instanceof Failed) setFailure(error.message);
    }
  };
  return (
    <Shown polled={polled}>
      {(money) => {
        const tight = money.budgets.filter((each) => each.ends_at).toSorted((a, b) => a.ends_at - b.ends_at)[0];
        const top = Math.max(1, ...money.tenants.map((each) => each.answers));
        return (
          <>
            <p class="verdict">
              <Icon name={tight ? "warn" : "check"} size={20} />
              <span>{tight ? <em>The budget of {tight.words} ends about {when(tight.ends_at)} UTC at this rate.</em> : money.budgets.length ? "No budget ends in its window at this rate." : "No budget is set."}</span>
            </p>
            <div class="grid two">
              <Pictured
                title="Budgets"
                note="used of the present window; the tick is the limit"
                picture={
                  money.budgets.length ? (
                    <ul class="bars">
                      {money.budgets.map((each) => (
                        <li key={each.budget.id}>
                          <span>{each.words}</span>
                          <Bar value={Math.min(each.taken, each.budget.most)} top={each.budget.most} label={`${each.taken} of ${each.budget.most}`} />
                          <span class="right">{some((100 * each.taken) / each.budget.most, 1)} %</span>
                        </li>
                      ))}
                    </ul>
                  ) : (
                    <p class="empty">No budget yet. Set one below.</p>
                  )
                }
                table={
                  <Table
                    label="Budgets"
                    rows={money.budgets}
                    empty="No budget yet."
                    columns={[
                      { name: "Budget", show: (each) => each.words },
                      { name: "Used", right: true, show: (each) => whole(each.used) },
                      { name: "With leases", right: true, show: (each) => whole(each.taken) },
                      { name: "Left", right: true, show: (each) => whole(each.budget.most - each.taken) },
                      { name: "Ends about", show: (each) => (each.ends_at ? when(each.ends_at) : "not in this window") },
                      { name: "Act", show: (each) => (may("money.change") ? <button type="button" class="link" onClick={() => call("DELETE", `/budgets/${each.budget.id}`).then(polled.again)}>Lift</button> : null) },
                    ]}
                  />
                }
              />
              <Card title="Tenants" note={`since ${when(money.since)} UTC; ${money.priced}`}>
                <Table
                  label="Tenants"
                  rows={money.tenants}
                  empty={FIRST}
                  columns={[
                    { name: "Tenant", show: (each) => each.tenant },
                    { name: "Answers", right: true, show: (each) => whole(each.answers) },
                    { name: "Beside the largest", show: (each) => <Bar value={each.answers} top={top} label={`${each.answers} of ${top}`} /> },
                    { name: "Tokens", right: true, show: (each) => whole(each.tokens_in + each.tokens_out) },
                    { name: "Spent $", right: true, show: (each) => some(each.cost, 4) },
                    { name: "Top model", show: (each) => each.top_model },
                  ]}
                />
              </Card>
            </div>
            {may("money.change") ? (
              <form class="form" onSubmit={save}>
                <Field label="Tenant">
                  <input value={draft.target} required onInput={(event) => setDraft({ ...draft, target: event.currentTarget.value })} />
                </Field>
                <Field label="At most">
                  <input type="number" min={1} value={draft.most} onInput={(event) => setDraft({ ...draft, most: event.currentTarget.value })} />
                </Field>
                <Choice label="Of" value={draft.unit} options={[["requests", "requests"], ["tokens", "tokens"], ["money", "US dollars"]]} choose={(unit) => setDraft({ ...draft, unit })} />
                <Choice label="A" value={draft.span} options={pairs(["minute", "day", "month"])} choose={(span) => setDraft({ ...draft, span })} />
                <button type="submit" class="button">
                  Set budget
                </button>
              </form>
            ) : (
              <p class="note">Your role can read this, not change it.</p>
            )}
            {failure ? <Banner text={failure} tone="danger" /> : null}
          </>
        );
      }}
    </Shown>
  );
}

type Entry = { id: string; kind: string; at: number; tenant: string; region: string; route: string; tier: string; outcome: string; refusal: string; duties: number; tokens: number; cost: string; by: string; object: string };

export function LedgerPage({ region }: View) {
  const [word, setWord] = useState("");
  const polled = usePoll<Entry[]>(`/ledger/latest?limit=100&q=${encodeURIComponent(word || region)}`, 3);
  const [chosen, setChosen] = useState("");
  const [whole_, setWhole] = useState<{ sound: boolean; entries: number; checkpoints: number } | null>(null);
  return (
    <>
      <div class="form">
        <Field label="Find a receipt">
          <input id="filter" type="search" value={word} placeholder="id, tenant, region, route, outcome" onInput={(event) => setWord(event.currentTarget.value)} />
        </Field>
        <button type="button" class="button" onClick={() => call<{ sound: boolean; entries: number; checkpoints: number }>("GET", "/ledger/verify").then(setWhole)}>
          Verify the whole ledger
        </button>
      </div>
      {whole_ ? <Banner tone={whole_.sound ? "ok" : "danger"} text={whole_.sound ? `Sound: ${whole(whole_.entries)} entries, ${whole(whole_.checkpoints)} checkpoints.` : "Damaged. Run: isthmus ledger verify"} /> : null}
      {chosen ? <ProofCard key={chosen} id={chosen} /> : null}
      <Shown polled={polled}>
        {(entries) => (
          <Card title="Latest entries" note="times in UTC" wide>
            <Table
              label="Latest entries"
              rows={entries}
              empty={word ? "No entry holds this." : FIRST}
              open={(entry) => setChosen(entry.id)}
              columns={[
                { name: "Receipt", show: (entry) => <code>{entry.id}</code> },
                { name: "Time", show: (entry) => when(entry.at) },
                { name: "Kind", show: (entry) => entry.kind },
                { name: "Region", show: (entry) => entry.region },
                { name: "Route", show: (entry) => (entry.route ? <Place tier={entry.tier}>{entry.route}</Place> : (entry.object || "–")) },
                { name: "Tenant", show: (entry) => entry.tenant || entry.by },
                { name: "Duties", right: true, show: (entry) => entry.duties || "–" },
                { name: "Tokens", right: true, show: (entry) => (entry.tokens ? whole(entry.tokens) : "–") },
                { name: "State", show: (entry) => (entry.refusal ? `${entry.outcome}: ${words(entry.refusal)}` : entry.outcome || "kept") },
              ]}
            />
          </Card>
        )}
      </Shown>
    </>
  );
}

function ProofCard({ id }: { id: string }) {
  const entry = usePoll<Record<string, unknown>>(`/ledger/entries/${encodeURIComponent(id)}`, 0);
  const [ticks, setTicks] = useState<Tick[] | null>(null);
  const [failure, setFailure] = useState("");
  const verify = async () => {
    try {
      setTicks(await check(await call<Provable>("GET", `/ledger/entries/${encodeURIComponent(id)}/proof`)));
      setFailure("");
    } catch (error) {
      setFailure(error instanceof Failed ? error.message : "The proof cannot be read.");
    }
  };
  const holds = ticks?.length && ticks.every((tick) => tick.good);
  return (
    <Card
      title={`Receipt ${id}`}
      wide
      action={
        <button type="button" class="button" onClick={verify}>
          Verify here
        </button>
      }
    >
      {failure ? <Banner text={failure} /> : null}
      {ticks ? <Banner tone={holds ? "ok" : "danger"} text={holds ? "The proof holds: this entry is in the ledger, unaltered. Checked in this browser." : "The proof does not hold."} /> : null}
      {ticks ? (
        <ol class="hashes">
          {ticks.map((tick, number) => (
            <li key={number} class={tick.good ? "good" : "bad"}>
              <Icon name={tick.good ? "check" : "warn"} size={14} />
              <span>{tick.what}</span>
              <code>{tick.hash}</code>
            </li>
          ))}
        </ol>
      ) : null}
      <Shown polled={entry}>
        {(found) => (
          <dl class="facts">
            {Object.entries(found).map(([name, value]) => (
              <div key={name}>
                <dt>{name.replaceAll("_", " ")}</dt>
                <dd>{typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>
              </div>
            ))}
          </dl>
        )}
      </Shown>
    </Card>
  );
}

type Fleet = { node: string; counted: boolean; device: string; nodes: { id: string; url: string; workers: number; law: string; beat_at: string; alive: boolean }[]; workers: { name: string; alive: boolean; beat_at: number; waiting: number; behind: boolean; failed: boolean }[] };

export function FleetPage() {
  const polled = usePoll<Fleet>("/fleet", 3);
  return (
    <Shown polled={polled}>
      {(fleet) => {
        const silent = fleet.nodes.filter((node) => !node.alive);
        return (
          <>
            <p class="verdict">
              <Icon name={silent.length ? "warn" : "check"} size={20} />
              <span>{silent.length ? <em>{silent.map((node) => node.id).join(", ")} silent for 10 s.</em> : `All ${fleet.nodes.length} nodes answer.`}</span>
            </p>
            <Card title="Nodes" note="that share the accounts" wide>
              <Table
                label="Nodes"
                rows={fleet.nodes}
                empty="No node was heard."
                columns={[
                  { name: "Node", show: (node) => `${node.id}${node.id === fleet.node ? " (this one)" : ""}` },
                  { name: "Gateway", show: (node) => node.url },
                  { name: "Workers", right: true, show: (node) => node.workers },
                  { name: "Law", show: (node) => <code>{node.law}</code> },
                  { name: "Heard", show: (node) => node.beat_at },
                  { name: "State", show: (node) => (node.alive ? "alive" : "silent") },
                ]}
              />
            </Card>
            <Card title="Workers of this node" note={fleet.counted ? "by their counters" : "their counters are not on; traffic is read from the ledger"} wide>
              {fleet.workers.length ? (
                <ul class="heat">
                  {fleet.workers.map((worker) => (
                    <li key={worker.name} class={worker.failed || !worker.alive ? "bad" : worker.behind ? "warn" : "good"}>
                      <strong>{worker.name}</strong>
                      <span>{worker.alive ? `${whole(worker.waiting)} receipts wait` : "silent"}</span>
                    </li>
                  ))}
                </ul>
              ) : (
                <p class="empty">No worker has a counter sheet.</p>
              )}
            </Card>
            <p class="note">Devices: {fleet.device}. Engine replicas: <code>isthmus fleet status</code>.</p>
          </>
        );
      }}
    </Shown>
  );
}

type Range = { value: number; low: number; high: number };
type Plan = {
  model: string; date: string; peak_qps: number; headline: { gpus: Range; mw: Range; usd_day: Range; usd_per_1000: Range; wh_per_query: number };
  regions: { name: string; share: number; mean_qps: number; peak_qps: number; hourly_qps: number[] }[]; sensitivity: { name: string; low: number; high: number; gpus_low: number; gpus_high: number }[];
  inputs: { name: string; value: number; source: string; sure: string }[]; notes: string[];
};
type Described = { components: { schemas: { Plan: { properties: { hardware: { enum: string[] } } } } } };

export function PlannerPage() {
  const [asked, setAsked] = useState({ queries: 9, device: 30, cache: 50, peak: 1.6, hardware: "h800", spare: "region" });
  const described = usePoll<Described>("/openapi.json", 0);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [failure, setFailure] = useState("");
  const put = (name: string) => (event: { currentTarget: HTMLInputElement }) => setAsked((old) => ({ ...old, [name]: Number(event.currentTarget.value) }));
  const queries = Math.round(10 ** asked.queries);
  const ask = async (event: Event) => {
    event.preventDefault();
    try {
      setPlan(await call<Plan>("POST", "/plan", { queries, device: asked.device / 100, cache: asked.cache / 100, peak: asked.peak, hardware: asked.hardware, spare: asked.spare }));
      setFailure("");
    } catch (error) {
      if (error instanceof Failed) setFailure(error.message);
    }
  };
  const hours = useMemo(() => (plan ? plan.regions.map((each) => ({ name: each.name, values: each.hourly_qps })) : []), [plan]);
  const at = useMemo(() => Array.from({ length: hours[0]?.values.length ?? 0 }, (_, hour) => hour * 3600), [hours]);
  const top = plan ? Math.max(...plan.sensitivity.map((each) => Math.abs(each.gpus_high - each.gpus_low))) : 1;
  return (
    <>
      <form class="form sliders" onSubmit={ask}>
        <Field label={`Queries a day: ${whole(queries)}`}>
          <input type="range" min={6} max={10.5} step={0.1} value={asked.queries} onInput={put("queries")} />
        </Field>
        <Field label={`Answered on device: ${asked.device} %`}>
          <input type="range" min={0} max={90} value={asked.device} onInput={put("device")} />
        </Field>
        <Field label={`Question tokens found in a cache: ${asked.cache} %`}>
          <input type="range" min={0} max={90} value={asked.cache} onInput={put("cache")} />
        </Field>
        <Field label={`Peak over mean: ${asked.peak}`}>
          <input type="range" min={1} max={4} step={0.1} value={asked.peak} onInput={put("peak")} />
        </Field>
        <Choice label="Accelerator" value={asked.hardware} options={pairs(described.data?.components.schemas.Plan.properties.hardware.enum ?? [asked.hardware])} choose={(hardware) => setAsked((old) => ({ ...old, hardware }))} />
        <Choice label="May be lost" value={asked.spare} options={pairs(["none", "site", "region"])} choose={(spare) => setAsked((old) => ({ ...old, spare }))} />
        <button type="submit" class="button primary">
          Plan
        </button>
      </form>
      {failure ? <Banner text={failure} tone="danger" /> : null}
      {plan ? (
        <>
          <div class="tiles three">
            <Stat label="GPUs at the peak" value={whole(plan.headline.gpus.value)} note={`${whole(plan.headline.gpus.low)} to ${whole(plan.headline.gpus.high)}`} />
            <Stat label="Power" value={some(plan.headline.mw.value, 1)} unit="MW" note={`${some(plan.headline.mw.low, 1)} to ${some(plan.headline.mw.high, 1)}, with cooling`} />
            <Stat label="Money" value={`$${whole(plan.headline.usd_day.value)}`} unit="/day" note={`$${some(plan.headline.usd_per_1000.value, 3)} per 1,000 queries`} />
          </div>
          <div class="grid two">
            <Pictured
              title="Demand by region"
              note="queries a second over the UTC day"
              picture={<Lines at={at} lines={hours} unit="Queries a second over the day" log={false} high={240} />}
              table={
                <Table
                  label="Demand by region"
                  rows={plan.regions}
                  empty=""
                  columns={[
                    { name: "Region", show: (each) => each.name },
                    { name: "Share %", right: true, show: (each) => some(100 * each.share, 1) },
                    { name: "Mean /s", right: true, show: (each) => whole(each.mean_qps) },
                    { name: "Peak /s", right: true, show: (each) => whole(each.peak_qps) },
                  ]}
                />
              }
            />
            <Card title="What moves it" note="GPUs between an assumption's low and high">
              <Table
                label="Sensitivity"
                rows={plan.sensitivity.toSorted((a, b) => Math.abs(b.gpus_high - b.gpus_low) - Math.abs(a.gpus_high - a.gpus_low))}
                empty=""
                columns={[
                  { name: "Assumption", show: (each) => each.name },
                  { name: "Low", right: true, show: (each) => some(each.low) },
                  { name: "High", right: true, show: (each) => some(each.high) },
                  { name: "GPUs", right: true, show: (each) => `${whole(Math.min(each.gpus_low, each.gpus_high))} – ${whole(Math.max(each.gpus_low, each.gpus_high))}` },
                  { name: "Beside the largest", show: (each) => <Bar value={Math.abs(each.gpus_high - each.gpus_low)} top={top} label={`${whole(Math.abs(each.gpus_high - each.gpus_low))} GPUs`} /> },
                ]}
              />
            </Card>
          </div>
          <Card title="What it rests on" note={`law of ${plan.date}`} wide action={<a class="link" download="plan.json" href={`data:application/json,${encodeURIComponent(JSON.stringify(plan))}`}>Export JSON</a>}>
            <Table
              label="Inputs"
              rows={plan.inputs}
              empty=""
              columns={[
                { name: "Figure", show: (each) => each.name },
                { name: "Value", right: true, show: (each) => some(each.value, 3) },
                { name: "Sure", show: (each) => each.sure },
                { name: "Source", show: (each) => each.source },
              ]}
            />
          </Card>
        </>
      ) : (
        <p class="empty">Move the sliders and press Plan. On the command line: <code>isthmus plan --queries 1e9</code></p>
      )}
    </>
  );
}

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
          <p class="verdict">
            <Icon name={found.blocked ? "warn" : "check"} size={20} />
            <span>{found.blocked ? <em>This text would be stopped.</em> : "This text would pass."}</span>
          </p>
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
                { name: "µs", right: true, show: (each) => whole(each.us) },
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
