// The frame: rail, title, range, region, search; the sign-in dialog over the page; keys.

import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Failed, heard, onSession, pausing, resume, signIn, signInElsewhere, signOut, usePoll, type SignedIn } from "./api";
import { DecisionsPage } from "./decisions";
import { FleetPage } from "./fleet";
import { GuardPage } from "./guard";
import { LedgerPage } from "./ledger";
import { MoneyPage } from "./money";
import { NowPage } from "./now";
import { Banner, Dialog, Field, Icon, type IconName } from "./parts";
import { PartnersPage } from "./partners";
import { PlannerPage } from "./planner";
import { roleOf, type Law, type View } from "./view";

const PAGES = [
  { id: "now", name: "Now", needs: "measures.read", show: NowPage },
  { id: "decisions", name: "Decisions", needs: "decisions.read", show: DecisionsPage },
  { id: "partners", name: "Partners", needs: "partners.read", show: PartnersPage },
  { id: "money", name: "Money", needs: "money.read", show: MoneyPage },
  { id: "ledger", name: "Ledger", needs: "ledger.read", show: LedgerPage },
  { id: "fleet", name: "Fleet", needs: "fleet.read", show: FleetPage },
  { id: "planner", name: "Planner", needs: "plan.read", show: PlannerPage },
  { id: "guard", name: "Guard", needs: "guard.read", show: GuardPage },
] as const;
const RANGES = [["15m", "15 min"], ["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"]] as const;
const KEYS: readonly (readonly [string, string])[] = [["1–8", "pages"], ["Ctrl K", "search"], ["/", "filter"], ["t", "range"], ["r", "region"], ["p", "pause"], ["j k", "rows"], ["Enter", "open a row"], ["?", "this list"], ["Esc", "close"]];

const pageOf = () => PAGES.find((page) => `#${page.id}` === location.hash) ?? PAGES[0];

function Console() {
  const [signed, setSigned] = useState<SignedIn | null>(null);
  const [ended, setEnded] = useState(false);
  const [ready, setReady] = useState(false);
  const [page, setPage] = useState(pageOf);
  const [range, setRange] = useState("15m");
  const [region, setRegion] = useState("");
  const [over, setOver] = useState<"search" | "keys" | "">("");
  const [paused, setPaused] = useState(false);

  useEffect(() => {
    const off = onSession((now) => {
      if (now) {
        setSigned(now);
        setEnded(false);
      } else {
        setEnded(true);
      }
    });
    const token = /[#&]token=([^&]+)/.exec(location.hash)?.[1];
    if (token) history.replaceState(null, "", location.pathname);
    const begin = token ? signIn(decodeURIComponent(token)).catch(() => resume()) : resume();
    void begin.then(() => setReady(true));
    const moved = () => setPage(pageOf());
    addEventListener("hashchange", moved);
    return () => {
      off();
      removeEventListener("hashchange", moved);
    };
  }, []);
  const open = (id: string) => {
    location.hash = id;
    setOver("");
  };
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setOver("search");
        return;
      }
      const on = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(on.tagName) || document.querySelector("dialog[open]")) return;
      const chosen = PAGES[Number(event.key) - 1];
      if (localStorage.getItem(QUIET)) return;
      if (chosen) open(chosen.id);
      else if (event.key === "?") setOver("keys");
      else if (event.key === "p") setPaused((was) => (pausing.paused = !was));
      else if (event.key === "t") setRange((was) => RANGES[(RANGES.findIndex(([word]) => word === was) + 1) % RANGES.length]?.[0] ?? "15m");
      else if (event.key === "r") document.getElementById("region")?.focus();
      else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
      else if (event.key === "/") {
        event.preventDefault();
        document.getElementById("filter")?.focus();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const may = useMemo(() => {
    const held = new Set(signed?.may);
    return (word: string) => held.has(word);
  }, [signed]);
  useEffect(() => {
    document.title = `${page.name} · Isthmus console`;
  }, [page]);
  const law = usePoll<Law>(may("law.read") ? "/law" : "", 0).data;
  const partners = usePoll<{ id: string; title: string }[]>(may("partners.read") ? "/partners" : "", 0).data;
  const regions = useMemo(() => new Map(law?.regions.map((each) => [each.id, each.name])), [law]);
  const places = useMemo(() => new Map(partners?.map((each) => [each.id, each.title])), [partners]);
  if (!ready) return null;
  if (signed === null) return <Frame page={page.name} />;
  const view: View = { range, region, may, open, person: signed.person, regionName: (id) => regions.get(id) ?? id, placeName: (id) => PLACES[id] ?? places.get(id) ?? id };
  const Shown = page.show;
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to the page
      </a>
      <nav class="rail" aria-label="Pages">
        <p class="brand">
          <svg width="20" height="20" viewBox="0 0 24 24" aria-hidden="true"><path d="M3 15h18M6 15V9M18 15V9M6 11c3 3 9 3 12 0M3 19h18" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" /></svg>
          <span>Isthmus</span>
        </p>
        <ul>
          {PAGES.map((each, number) => (
            <li key={each.id}>
              <a href={`#${each.id}`} aria-current={each.id === page.id ? "page" : undefined}>
                <Icon name={each.id as IconName} />
                <span>{each.name}</span>
                <kbd aria-hidden="true">{number + 1}</kbd>
              </a>
            </li>
          ))}
        </ul>
        <div class="who">
          <span>
            {signed.person.name}
            <small>{signed.person.role}{signed.person.organisation ? `, ${signed.person.organisation}` : ""}</small>
          </span>
          <button type="button" class="plain" aria-label="Sign out" title="Sign out" onClick={() => void signOut()}>
            <Icon name="out" />
          </button>
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        <header class="top">
          <h1>{page.name}</h1>
          <Live paused={paused} page={page.id} />
          <span class="grow" />
          {page.id === "now" ? (
            <div class="segments" role="group" aria-label="Range">
              {RANGES.map(([word, name]) => (
                <button key={word} type="button" aria-pressed={range === word} onClick={() => setRange(word)}>
                  {name}
                </button>
              ))}
            </div>
          ) : null}
          {may("law.read") ? <RegionChoice region={region} choose={setRegion} names={regions} /> : null}
          <button type="button" class="button" onClick={() => setOver("search")}>
            <Icon name="search" size={16} /> Search <kbd>Ctrl K</kbd>
          </button>
        </header>
        {may(page.needs) ? (
          <Shown key={page.id} {...view} />
        ) : (
          <Banner text={`${roleOf(signed.person)} cannot read this page; it needs the permission ${page.needs}. Ask an owner.`} />
        )}
      </main>
      {ended ? <SignIn ended /> : null}
      {over === "search" ? <Search open={open} close={() => setOver("")} /> : null}
      {over === "keys" ? (
        <Dialog title="Keys" close={() => setOver("")}>
          <dl class="facts">{KEYS.map(([key, act]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{act}</dd></div>)}</dl>
          <SingleKeys />
          <div class="buttons"><button type="button" class="button" onClick={() => setOver("")}>Close</button></div>
        </Dialog>
      ) : null}
    </div>
  );
}

/** Before anybody is known: the frame's title behind the sign-in dialog. */
function Frame({ page }: { page: string }) {
  return (
    <main id="main" tabIndex={-1}>
      <h1>{page}</h1>
      <SignIn ended={false} />
    </main>
  );
}

/** How old what the page shows is; the pages that answer only when asked say nothing. */
function Live({ paused, page }: { paused: boolean; page: string }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  if (page === "guard" || page === "planner") return <span class="live off">When you ask</span>;
  const age = heard.at ? Math.max(0, Math.round((now - heard.at) / 1000)) : null;
  const stale = paused || (age !== null && age > 15);
  return <span class={stale ? "live off" : "live"}>{paused ? "Paused" : stale ? "Silent" : "Live"}{age === null ? "" : `, ${age} s ago`}</span>;
}

const QUIET = "isthmus.console.keys"; // set: single keys do nothing
const PLACES: Record<string, string> = { local: "Private tier", refused: "Refused", device: "On device", "not answered": "Not answered" };

function SingleKeys() {
  const [on, setOn] = useState(!localStorage.getItem(QUIET));
  const change = () => {
    if (on) localStorage.setItem(QUIET, "1");
    else localStorage.removeItem(QUIET);
    setOn(!on);
  };
  return (
    <label class="tick">
      <input type="checkbox" checked={on} onChange={change} /> Single keys work outside fields
    </label>
  );
}

/** The next or previous row that can be opened takes the focus; Enter opens it. */
function step(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main .row-open")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
}

function RegionChoice({ region, choose, names }: { region: string; choose: (word: string) => void; names: Map<string, string> }) {
  return (
    <select id="region" class="button" aria-label="Region" value={region} onChange={(event) => choose(event.currentTarget.value)}>
      <option value="">All regions</option>
      {[...names].filter(([id]) => id !== "HOUSE").map(([id, name]) => <option key={id} value={id}>{name}</option>)}
    </select>
  );
}

function SignIn({ ended }: { ended: boolean }) {
  const [token, setToken] = useState("");
  const [failure, setFailure] = useState("");
  const [provider, setProvider] = useState(""); // the organisation's own sign-in, by its name; "" where there is none
  useEffect(() => {
    void signInElsewhere().then(setProvider);
  }, []);
  return (
    <Dialog title={ended ? "This session has ended" : "Sign in"}>
      <p>{ended ? "Sign in again. Nothing on this page is lost." : "Isthmus up prints the owner's token; people you add get their own."}</p>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          signIn(token.trim()).catch((error: unknown) => setFailure(error instanceof Failed ? error.message : "Not signed in."));
        }}
      >
        <Field label="Token">
          <input type="password" autocomplete="current-password" required value={token} onInput={(event) => setToken(event.currentTarget.value)} />
        </Field>
        {failure ? <Banner text={failure} tone="danger" /> : null}
        <div class="buttons">
          <button type="submit" class="button primary">
            Sign in
          </button>
          {provider ? (
            <a class="button" href="/admin/v1/oidc/login">
              Sign in with {provider}
            </a>
          ) : null}
        </div>
      </form>
    </Dialog>
  );
}

function Search({ open, close }: { open: (id: string) => void; close: () => void }) {
  const [word, setWord] = useState("");
  const found = PAGES.filter((page) => page.name.toLowerCase().includes(word.toLowerCase()));
  return (
    <Dialog title="Go to" close={close}>
      <form class="stack" onSubmit={(event) => { event.preventDefault(); const first = found[0]; if (first) open(first.id); }}>
        <Field label="Page">
          <input type="search" value={word} onInput={(event) => setWord(event.currentTarget.value)} />
        </Field>
        <ul class="found">
          {found.map((page) => (
            <li key={page.id}>
              <button type="button" class="link" onClick={() => open(page.id)}>
                {page.name}
              </button>
            </li>
          ))}
        </ul>
      </form>
      <div class="buttons"><button type="button" class="button" onClick={close}>Close</button></div>
    </Dialog>
  );
}

const root = document.getElementById("console");
if (root) render(<Console />, root);
