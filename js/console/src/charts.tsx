// Two pictures: a flow of two sides (d3-sankey) and lines on a log scale (uPlot). They redraw; they never animate.

import { sankey, sankeyLinkHorizontal, type SankeyLink, type SankeyNode } from "d3-sankey";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { whole } from "./parts";

export type Flow = { region: string; place: string; tier: string; count: number };
type Node = { id: string; side: "from" | "to"; tier: string; title: string };
type Link = { tier: string };

const GAP = 26; // px between labels, at least; a region's label has two lines
const WIDE = 760;

/** Which class a place is drawn in: hue tells where an answer was made, nothing else. */
export const tone = (tier: string) => (tier === "device" || tier === "private" || tier === "partner" ? tier : "refused");

export function FlowPicture({ flows, names, regions, unit }: { flows: Flow[]; names: (id: string) => string; regions: (id: string) => string; unit: string }) {
  const found = new Map<string, Node>();
  const links = flows.map((flow) => {
    const from = `from ${flow.region}`;
    const to = `to ${flow.place}`;
    found.set(from, { id: from, side: "from", tier: "", title: regions(flow.region) });
    found.set(to, { id: to, side: "to", tier: tone(flow.tier), title: names(flow.place) });
    return { source: from, target: to, value: flow.count, tier: tone(flow.tier) };
  });
  const rows = Math.max(...(["from", "to"] as const).map((side) => [...found.values()].filter((node) => node.side === side).length), 3);
  const high = Math.max(220, rows * (GAP + 24));
  const layout = sankey<Node, Link>()
    .nodeId((node) => node.id)
    .nodeWidth(9)
    .nodePadding(GAP)
    .extent([[170, 12], [WIDE - 230, high - 16]]);
  const graph = layout({ nodes: [...found.values()].map((node) => ({ ...node })), links: links.map((link) => ({ ...link })) });
  const path = sankeyLinkHorizontal<SankeyNode<Node, Link>, SankeyLink<Node, Link>>();
  const said = flows.map((flow) => `${regions(flow.region)} to ${names(flow.place)}: ${whole(flow.count)}`).join("; ");
  return (
    <svg class="flow" viewBox={`0 0 ${WIDE} ${high}`} role="img" aria-label={`${unit}. ${said}`}>
      {graph.links.map((link, number) => (
        <path key={number} class={`link-${link.tier}`} d={path(link) ?? ""} stroke-width={Math.max(1, link.width ?? 1)} fill="none" />
      ))}
      {graph.nodes.map((node) => {
        const [x0, x1, y0, y1] = [node.x0 ?? 0, node.x1 ?? 0, node.y0 ?? 0, node.y1 ?? 0];
        const middle = (y0 + y1) / 2 + 4;
        const left = node.side === "from";
        return (
          <g key={node.id}>
            <rect class={left ? "node" : `node-${node.tier}`} x={x0} y={y0} width={x1 - x0} height={Math.max(2, y1 - y0)} rx={1.5} />
            <text x={left ? x0 - 10 : x1 + 10} y={middle} text-anchor={left ? "end" : "start"}>
              {node.title}
            </text>
            <text class="count" x={left ? x0 - 10 : WIDE - 8} y={left ? middle + 17 : middle} text-anchor="end">
              {whole(node.value ?? 0)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

export type Line = { name: string; values: (number | null)[]; strong?: boolean };

/** Lines over time; `limit` is drawn dashed. Labels stand at the lines' ends, so there is no legend. */
export function Lines({ at, lines, limit, unit, high = 190, log = true }: { at: number[]; lines: Line[]; limit?: number; unit: string; high?: number; log?: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = place.current;
    if (!box) return;
    const style = getComputedStyle(box);
    const [ink, ink2, line, warn] = ["--ink", "--ink2", "--line", "--warn"].map((name) => style.getPropertyValue(name).trim()) as [string, string, string, string];
    const font = `13px ${style.fontFamily}`;
    const [from, to] = [at[0] ?? 0, at.at(-1) ?? 0];
    const least = Math.max(to, from + 60); // a minute at least, so that hours and minutes differ
    const room = at.at(-1)! < least ? [least] : []; // the limit's line goes through to the end
    const times = [...at, ...room];
    const data: uPlot.AlignedData = [times, ...lines.map((each) => [...each.values, ...room.map(() => null)]), ...(limit ? [times.map(() => limit)] : [])];
    const powers = (low: number, top: number) => {
      const out = [];
      for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(top) + 1e-9; power++) out.push(10 ** power);
      return out;
    };
    const plot = new uPlot(
      {
        width: Math.max(200, box.clientWidth), height: high, legend: { show: false }, cursor: { show: false }, padding: [10, 104, 0, 0],
        scales: { x: { time: true, range: [from, least] }, y: log ? { distr: 3, range: (_u, low, top) => [10 ** Math.floor(Math.log10(Math.max(low || 1, 1e-6))), 10 ** Math.ceil(Math.log10(Math.max(top || 10, 1e-5)))] } : { range: (_u, _low, top) => [0, (top || 1) * 1.1] } },
        axes: [
          { stroke: ink2, font, grid: { show: false }, ticks: { show: false }, values: (_u, values) => values.map((value) => new Date(value * 1000).toISOString().slice(11, least - from < 300 ? 19 : 16)), space: 90 },
          { stroke: ink2, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 60, ...(log ? { splits: (_u: uPlot, _axis: number, low: number, top: number) => powers(low, top) } : {}), values: (_u, values) => values.map((value) => value.toLocaleString("en-US")) },
        ],
        series: [{}, ...lines.map((each) => ({ stroke: each.strong ? ink : ink2, width: each.strong ? 1.8 : 1.3, points: { show: each.values.filter((value) => value !== null).length < 4 } })), ...(limit ? [{ stroke: warn, width: 1.3, dash: [5, 4], points: { show: false } }] : [])],
        hooks: {
          draw: [
            (u) => {
              const context = u.ctx;
              context.save();
              context.font = `${13 * devicePixelRatio}px ${style.fontFamily}`;
              context.textAlign = "left";
              const taken: number[] = [];
              const put = (words: string, value: number, colour: string) => {
                let y = Math.min(u.valToPos(value, "y", true), u.bbox.top + u.bbox.height - 12 * devicePixelRatio); // above the axis' own words
                while (taken.some((other) => Math.abs(other - y) < 15 * devicePixelRatio)) y += 4 * devicePixelRatio;
                taken.push(y);
                context.fillStyle = colour;
                context.fillText(words, u.bbox.left + u.bbox.width + 6 * devicePixelRatio, y + 4 * devicePixelRatio);
              };
              if (limit) put(`limit ${whole(limit)}`, limit, warn);
              for (const each of lines) {
                const last = each.values.findLast((value) => value !== null);
                if (last !== undefined && last !== null) put(`${each.name} ${whole(last)}`, last, each.strong ? ink : ink2);
              }
              context.restore();
            },
          ],
        },
      },
      data,
      box,
    );
    const seen = new ResizeObserver(() => plot.setSize({ width: Math.max(200, box.clientWidth), height: high }));
    seen.observe(box);
    return () => {
      seen.disconnect();
      plot.destroy();
    };
  }, [at, lines, limit, high, log]);
  const said = lines.map((each) => `${each.name} ${whole(each.values.findLast((value) => value !== null) ?? 0)}`).join(", ");
  return <div ref={place} class="lines" role="img" aria-label={`${unit}. Latest: ${said}${limit ? `; limit ${whole(limit)}` : ""}`} />;
}

/** A small line; `top` where all of a kind share one scale, else its own largest value. It has no numbers: they stand beside it. */
export function Spark({ values, top = Math.max(1e-9, ...values.map((value) => value ?? 0)) }: { values: (number | null)[]; top?: number }) {
  const step = 96 / Math.max(1, values.length - 1);
  let path = "";
  values.forEach((value, number) => {
    if (value !== null) path += `${path && values[number - 1] !== null ? "L" : "M"}${(2 + number * step).toFixed(1)} ${(26 - (24 * Math.min(value, top)) / (top || 1)).toFixed(1)}`;
  });
  return (
    <svg class="spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">
      <path d={path} fill="none" stroke="currentColor" stroke-width={1.4} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

export function Bar({ value, top, label }: { value: number; top: number; label: string }) {
  return (
    <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect x={0} y={0} width={top ? Math.max(1, (100 * value) / top) : 0} height={8} rx={1} />
    </svg>
  );
}
