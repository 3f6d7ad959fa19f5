// Notification digest on sample data: what matters now, what can wait, each group open to its originals.

import { useState } from "preact/hooks";
import type { Origin } from "../src/gateway.js";
import { Summarizer } from "../src/writing.js";
import { label } from "./actions.js";
import { problemOf } from "./tools.js";
import { AiLabel, Badge, Clauses, IconButton, useWords } from "./parts.js";
import { store } from "./store.js";
import { fill } from "./words.js";

interface Group {
  app: string;
  urgent: boolean;
  items: string[];
}

const SAMPLES: Record<string, Group[]> = {
  "zh-CN": [
    { app: "家人群", urgent: true, items: ["妈妈：我把钥匙锁在屋里了，你几点到家？", "妈妈：我在楼下便利店等你。"] },
    { app: "航班动态", urgent: true, items: ["CZ3101 登机口由 B12 改为 B27，19:40 开始登机。"] },
    { app: "项目群", urgent: false, items: ["周宁：周三的评审改到周四上午十点。", "周宁：会议室换成三楼东侧。", "小罗：收到，我来改邀请。"] },
    { app: "快递", urgent: false, items: ["您的包裹已到 2 号柜，取件码见应用，保存至周日。"] },
  ],
  en: [
    { app: "Family", urgent: true, items: ["Mum: I have locked myself out. When are you home?", "Mum: I am waiting in the shop downstairs."] },
    { app: "Flight", urgent: true, items: ["CZ3101: gate changed from B12 to B27. Boarding starts at 19:40."] },
    { app: "Project", urgent: false, items: ["Noor: Wednesday’s review moves to Thursday at ten.", "Noor: New room, third floor east.", "Leo: Got it, I will change the invite."] },
    { app: "Parcels", urgent: false, items: ["Your parcel is in locker 2 until Sunday. The code is in the app."] },
  ],
};

export function DigestPage() {
  const w = useWords();
  const groups = SAMPLES[store.state.settings.language];
  const [lines, setLines] = useState<Record<string, string>>({});
  const [origin, setOrigin] = useState<Origin | null>(null);
  const [working, setWorking] = useState(false);
  const [problem, setProblem] = useState("");
  const run = async () => {
    setWorking(true);
    setProblem("");
    try {
      const summarizer = await Summarizer.create({ type: "headline", length: "short", format: "plain-text", onOrigin: setOrigin });
      for (const group of groups) {
        const line = await summarizer.summarize(group.items.join("\n"), { context: "phone notifications" });
        setLines((old) => ({ ...old, [group.app]: line.split("\n")[0] }));
      }
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setWorking(false);
    }
  };
  return (
    <div class="page digest-page">
      <header class="top">
        <IconButton icon="backward" label={w.back} onClick={() => { location.hash = ""; }} flip />
        <h1 class="top-title">{w.digest}</h1>
        <span class="icon-room" />
      </header>
      <main class="scroll">
        <p class="sample">{w.sample}</p>
        {[true, false].map((urgent) => (
          <section>
            <h2 class="group-title">{urgent ? w.now : w.later}</h2>
            {groups.filter((group) => group.urgent === urgent).map((group) => <GroupRow group={group} line={lines[group.app]} />)}
          </section>
        ))}
        {problem && <div class="trouble" role="alert"><p><Clauses text={problem} /></p></div>}
      </main>
      <footer class="tools-foot">
        <button type="button" class="primary-button wide" aria-disabled={working} onClick={() => { if (!working) void run(); }}>{working ? w.working : w.summarise}</button>
        <div class="provenance" role="status">
          {origin && <Badge origin={origin} />}
          {origin && <AiLabel text={origin.label || label()} />}
        </div>
      </footer>
    </div>
  );
}

function GroupRow({ group, line }: { group: Group; line?: string }) {
  const w = useWords();
  return (
    <details class="digest-row">
      <summary>
        <span class="digest-line">{line ?? group.items[0]}</span>
        <span class="small">{group.app} · {fill(w.count, { n: group.items.length })}</span>
      </summary>
      <ul>{group.items.map((item) => <li>{item}</li>)}</ul>
    </details>
  );
}
