// Partners: who is slow, failing, expensive?

import { useState } from "preact/hooks";
import { call, usePoll } from "./api";
import { Spark } from "./charts";
import { Card, Confirm, Icon, Place, Shown, Table, some } from "./parts";
import { roleOf, type View } from "./view";

type RouteHealth = { route: string; rehearsal: boolean; resting: number; answers: number; failed: number; busy: number; first_p50: number | null; first_p99: number | null; whole_p99: number | null; cost: number | null; points: (number | null)[] };
type PartnerSeen = { id: string; title: string; tier: string; legal_name: string; regions: string[]; key_env: string; key_set: boolean; retention: string; training: string; drained: boolean; drained_since: string; routes: RouteHealth[] };

export function PartnersPage({ may, person, regionName }: View) {
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
              <span>{resting.length ? <em>{resting.map((row) => row.route).join(", ")} rest after failures.</em> : used.length ? `No route rests; ${used.length} of ${rows.length} answered.` : "No route rests; none was asked."} {partners.filter((each) => each.drained).map((each) => `${each.title} is drained.`).join(" ")}</span>
            </p>
            <div class="multiples">
              {used.map((row) => (
                <div class="card" key={row.route}>
                  <Place tier={row.partner.tier} rehearsal={row.rehearsal}>{row.partner.title}</Place>
                  <code>{row.route}</code>
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
                  { name: "Partner", show: (row) => <Place tier={row.partner.tier} rehearsal={row.rehearsal}>{row.partner.title}</Place> },
                  { name: "Route", show: (row) => row.route },
                  { name: "Region", show: (row) => (row.partner.regions.includes("*") ? "any" : row.partner.regions.map(regionName).join(", ")) },
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
              {may("partners.change") ? null : <p class="note">{roleOf(person)} can read this, not change it.</p>}
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
