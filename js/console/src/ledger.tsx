// Ledger: did this happen, unaltered?

import { useState } from "preact/hooks";
import { call, Failed, usePoll } from "./api";
import { Banner, Card, Field, Icon, Place, Shown, Table, when, whole } from "./parts";
import { check, type Provable, type Tick } from "./proof";
import { FIRST, words, type View } from "./view";

type Entry = { id: string; kind: string; at: number; tenant: string; region: string; route: string; tier: string; outcome: string; refusal: string; duties: number; tokens: number; cost: string; by: string; object: string };

export function LedgerPage({ region, regionName }: View) {
  const [word, setWord] = useState("");
  const polled = usePoll<Entry[]>(`/ledger/latest?limit=100&q=${encodeURIComponent(word || region)}`, 3);
  const [chosen, setChosen] = useState("");
  const [whole_, setWhole] = useState<{ sound: boolean; entries: number; checkpoints: number } | null>(null);
  return (
    <>
      {polled.data ? <Verdict entries={polled.data} whole={whole_} /> : null}
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
                { name: "Region", show: (entry) => (entry.region.includes("+") ? `${entry.region.split("+").length} regions` : regionName(entry.region)) },
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

/** What the newest entries say: how many were refused, and whether the whole was verified. */
function Verdict({ entries, whole: verified }: { entries: Entry[]; whole: { sound: boolean } | null }) {
  const refused = entries.filter((entry) => entry.refusal);
  const counts = new Map<string, number>();
  for (const entry of refused) counts.set(entry.refusal, (counts.get(entry.refusal) ?? 0) + 1);
  const most = [...counts].toSorted((a, b) => b[1] - a[1])[0];
  return (
    <p class="verdict">
      <Icon name={most || (verified && !verified.sound) ? "warn" : "check"} size={20} />
      <span>
        {verified ? (verified.sound ? "The whole ledger is as it was written." : <em>The ledger is damaged.</em>) : `The newest ${whole(entries.length)} entries; the whole was not verified on this page yet.`}{" "}
        {most ? <em>{refused.length} were refused, most for: {words(most[0]).toLowerCase()}.</em> : "None was refused."}
      </span>
    </p>
  );
}

/** An entry's proof. A fresh entry waits some seconds for the log's next signature. */
async function provable(id: string): Promise<Provable> {
  for (let tries = 0; ; tries++) {
    try {
      return await call<Provable>("GET", `/ledger/entries/${encodeURIComponent(id)}/proof`);
    } catch (error) {
      if (!(error instanceof Failed) || !["not_found", "unknown_receipt"].includes(error.code) || tries === 16) throw error;
      await new Promise((later) => setTimeout(later, 500));
    }
  }
}

/** A field of an entry as people read it: times in UTC, lists and counts as words. */
function fact(name: string, value: unknown): string {
  if ((name === "at" || name === "given") && typeof value === "number") return `${when(value)} UTC`;
  if (Array.isArray(value)) return value.map((each) => fact("", each)).join(", ") || "none";
  if (value !== null && typeof value === "object") {
    const told = Object.entries(value).filter(([, each]) => each !== "" && each !== null && each !== 0 && !(typeof each === "object" && !Object.values(each as object).some(Boolean)));
    return told.map(([key, each]) => `${key.replaceAll("_", " ")} ${fact(key, each)}`).join(", ") || "none";
  }
  return String(value);
}

function ProofCard({ id }: { id: string }) {
  const entry = usePoll<Record<string, unknown>>(`/ledger/entries/${encodeURIComponent(id)}`, 0);
  const [ticks, setTicks] = useState<Tick[] | null>(null);
  const [failure, setFailure] = useState("");
  const verify = async () => {
    try {
      setTicks(await check(await provable(id)));
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
                <dd>{fact(name, value)}</dd>
              </div>
            ))}
          </dl>
        )}
      </Shown>
    </Card>
  );
}
