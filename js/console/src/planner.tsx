// Planner: what does a number of queries a day take?

import { useEffect, useMemo, useState } from "preact/hooks";
import { call, Failed, usePoll } from "./api";
import { Bar, Lines } from "./charts";
import { Banner, Card, Choice, Field, Icon, Pictured, Stat, Table, some, whole } from "./parts";
import { pairs, words } from "./view";

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
  const ask = async () => {
    try {
      setPlan(await call<Plan>("POST", "/plan", { queries, device: asked.device / 100, cache: asked.cache / 100, peak: asked.peak, hardware: asked.hardware, spare: asked.spare }));
      setFailure("");
    } catch (error) {
      if (error instanceof Failed) setFailure(error.message);
    }
  };
  const hours = useMemo(() => (plan ? plan.regions.map((each) => ({ name: each.name, values: each.hourly_qps })) : []), [plan]);
  const at = useMemo(() => Array.from({ length: hours[0]?.values.length ?? 0 }, (_, hour) => hour * 3600), [hours]);
  useEffect(() => void ask(), []); // the page answers before it is asked
  const most = plan?.sensitivity.toSorted((a, b) => Math.abs(b.gpus_high - b.gpus_low) - Math.abs(a.gpus_high - a.gpus_low))[0];
  const top = plan ? Math.max(...plan.sensitivity.map((each) => Math.abs(each.gpus_high - each.gpus_low))) : 1;
  return (
    <>
      {most && plan ? (
        <p class="verdict">
          <Icon name="warn" size={20} />
          <span>
            {whole(queries)} queries a day take {whole(plan.headline.gpus.value)} {asked.hardware.toUpperCase()} and {some(plan.headline.mw.value, 1)} MW. <em>Least sure: {words(most.name).toLowerCase()} moves it from {whole(Math.min(most.gpus_low, most.gpus_high))} to {whole(Math.max(most.gpus_low, most.gpus_high))}.</em>
          </span>
        </p>
      ) : null}
      <form class="form sliders" onSubmit={(event) => { event.preventDefault(); void ask(); }}>
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
                  { name: "Assumption", show: (each) => words(each.name) },
                  { name: "Low", right: true, show: (each) => some(each.low) },
                  { name: "High", right: true, show: (each) => some(each.high) },
                  { name: "GPUs", right: true, show: (each) => `${whole(Math.min(each.gpus_low, each.gpus_high))} – ${whole(Math.max(each.gpus_low, each.gpus_high))}` },
                  { name: "Of the largest", show: (each) => <Bar value={Math.abs(each.gpus_high - each.gpus_low)} top={top} label={`${whole(Math.abs(each.gpus_high - each.gpus_low))} GPUs`} /> },
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
                { name: "Figure", show: (each) => words(each.name) },
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
