// Fleet: is there enough capacity now?

import { usePoll } from "./api";
import { Card, Icon, Shown, Table, whole } from "./parts";

type Fleet = { node: string; counted: boolean; device: string; nodes: { id: string; url: string; workers: number; law: string; beat_at: string; alive: boolean }[]; workers: { name: string; alive: boolean; beat_at: number; waiting: number; behind: boolean; failed: boolean }[] };

export function FleetPage() {
  const polled = usePoll<Fleet>("/fleet", 3);
  return (
    <Shown polled={polled}>
      {(fleet) => {
        const silent = fleet.nodes.filter((node) => !node.alive);
        const behind = fleet.workers.filter((worker) => worker.failed || worker.behind || !worker.alive);
        return (
          <>
            <p class="verdict">
              <Icon name={silent.length || behind.length ? "warn" : "check"} size={20} />
              <span>{silent.length ? <em>{silent.map((node) => node.id).join(", ")} silent for 10 s.</em> : fleet.nodes.length === 1 ? "The one node answers." : `All ${fleet.nodes.length} nodes answer.`} {behind.length ? <em>{behind.map((worker) => worker.name).join(", ")} {behind.length === 1 ? "is" : "are"} behind or silent.</em> : `${fleet.workers.length === 1 ? "Its worker keeps" : "All workers keep"} up.`}</span>
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
                  { name: "Heard (UTC)", show: (node) => node.beat_at.slice(0, 19).replace("T", " ") },
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
