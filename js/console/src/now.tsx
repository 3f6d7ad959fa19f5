// Now: is anything wrong, and where do answers come from?

import { useMemo } from "preact/hooks";
import { usePoll } from "./api";
import { Bar, FlowPicture, Lines, Spark, type Flow } from "./charts";
import { Card, Icon, Pictured, Place, Shown, Stat, Table, clock, ms, some, whole, type IconName } from "./parts";
import { FIRST, words, type View } from "./view";

type Need = { title: string; text: string; page: string };
type Point = { at: number; count: number; refused: number; p50: number | null; p99: number | null; tokens: number };
type Refused = { region: string; code: string; law: string; count: number };
type Now = {
  at: number; since: number; step: number; seconds: number; source: string; sentence: string; worst: string; count: number; per_second: number;
  refused_percent: number | null; first_p50: number | null; first_p99: number | null; cost_per_hour: number | null; priced: string; device: string;
  unlabelled: number; flows: Flow[]; points: Point[]; refusals: Refused[]; needs: Need[];
};


export function NowPage({ range, region, open, regionName, placeName }: View) {
  const polled = usePoll<Now>(`/now?range=${range}&region=${region}`, 2);
  return <Shown polled={polled}>{(now) => <NowShown now={now} at={polled.at} named={{ open, regionName, placeName }} />}</Shown>;
}

const NEED: Record<string, IconName> = { decisions: "calendar", partners: "warn", money: "money", ledger: "ledger", fleet: "fleet" };

function NowShown({ now, at, named }: { now: Now; at: number; named: Pick<View, "open" | "regionName" | "placeName"> }) {
  const { open, regionName, placeName } = named;
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
        <Stat label="Queries" value={some(now.per_second)} unit="/s" note={`${whole(now.count)} in ${span}`} line={<Spark values={now.points.map((point) => point.count)} />} />
        <Stat label="Answered on device" value="–" note="not measured" />
        <Stat label="First token, p99" value={now.first_p99 === null ? "–" : some(now.first_p99, 3)} unit="s" note={now.first_p50 === null ? "nothing counted" : `p50 ${some(now.first_p50, 3)} s`} {...(slow ? { tone: "warn" as const } : {})} line={<Spark values={now.points.map((point) => point.p99)} />} />
        <Stat label="Refused" value={now.refused_percent === null ? "–" : some(now.refused_percent)} unit="%" note={now.refusals.some((each) => !each.law) ? "some are limits, not law" : "all cite a rule"} line={<Spark values={now.points.map((point) => point.refused)} />} />
        <Stat label="Cost" value={now.cost_per_hour === null ? "–" : `$${some(now.cost_per_hour)}`} unit="/h" note={now.priced} />
      </div>
      <div class="grid now">
        <Pictured
          title="Where answers come from"
          note={`queries, last ${span}`}
          picture={now.flows.length ? <FlowPicture flows={now.flows} names={placeName} regions={regionName} unit="Queries by region and place" /> : <p class="empty">{FIRST}</p>}
          table={
            <Table
              label="Queries by region and place"
              rows={now.flows}
              empty={FIRST}
              columns={[
                { name: "Region", show: (flow) => regionName(flow.region) },
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
                  <Icon name={NEED[need.page] ?? "warn"} />
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
              { name: "Law", show: (each) => (each.law ? lawOf(each.law) : `${regionName(each.region)}, a limit of this house`) },
              { name: "Count", right: true, show: (each) => whole(each.count) },
              { name: "Of the largest", show: (each) => <Bar value={each.count} top={top} label={`${each.count} of ${top}`} /> },
            ]}
          />
        </Card>
      </div>
    </>
  );
}

/** "CN, 个人信息保护法 (Personal Information Protection Law) 23": the English title alone where there are two. */
function lawOf(law: string): string {
  return law.replace(/[\u2e80-\u9fff\uac00-\ud7af\u3040-\u30ff·；、 ]+ ?\(([A-Z][^()]*)\)/g, " $1").replace(/ {2,}/g, " ");
}
