// The frame: rail, title, range, region, search; the sign-in dialog over the page; keys.

import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Failed, onSession, pausing, resume, signIn, signOut, usePoll, type SignedIn } from "./api";
import { DecisionsPage, FleetPage, GuardPage, LedgerPage, MoneyPage, NowPage, PartnersPage, PlannerPage, type View } from "./pages";
import { Banner, Dialog, Field, Icon, type IconName } from "./parts";

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
const KEYS: readonly (readonly [string, string])[] = [["1–8", "pages"], ["Ctrl K", "search"], ["/", "filter"], ["t", "range"], ["r", "region"], ["p", "pause"], ["?", "this list"], ["Esc", "close"]];

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
      if (chosen) open(chosen.id);
      else if (event.key === "?") setOver("keys");
      else if (event.key === "p") setPaused((was) => (pausing.paused = !was));
      else if (event.key === "t") setRange((was) => RANGES[(RANGES.findIndex(([word]) => word === was) + 1) % RANGES.length]?.[0] ?? "15m");
      else if (event.key === "r") document.getElementById("region")?.focus();
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
  if (!ready) return null;
  const view: View = { range, region, may, open };
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
        {signed ? (
          <div class="who">
            <span>
              {signed.person.name}
              <small>{signed.person.role}{signed.person.organisation ? `, ${signed.person.organisation}` : ""}</small>
            </span>
            <button type="button" class="plain" aria-label="Sign out" onClick={() => void signOut()}>
              <Icon name="out" />
            </button>
          </div>
        ) : null}
      </nav>
      <main id="main" tabIndex={-1}>
        <header class="top">
          <h1>{page.name}</h1>
          <span class={paused ? "live off" : "live"}>{paused ? "Paused" : "Live"}</span>
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
          {signed && may("law.read") ? <RegionChoice region={region} choose={setRegion} /> : null}
          <button type="button" class="button" onClick={() => setOver("search")}>
            <Icon name="search" size={16} /> Search <kbd>Ctrl K</kbd>
          </button>
        </header>
        {!signed ? null : may(page.needs) ? (
          <Shown key={page.id} {...view} />
        ) : (
          <Banner text={`${role(signed)} cannot read this page; it needs the permission ${page.needs}. Ask an owner.`} />
        )}
      </main>
      {!signed || ended ? <SignIn ended={ended && signed !== null} /> : null}
      {over === "search" ? <Search open={open} close={() => setOver("")} /> : null}
      {over === "keys" ? (
        <Dialog title="Keys" close={() => setOver("")}>
          <dl class="facts">{KEYS.map(([key, act]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{act}</dd></div>)}</dl>
          <div class="buttons"><button type="button" class="button" onClick={() => setOver("")}>Close</button></div>
        </Dialog>
      ) : null}
    </div>
  );
}

const role = (signed: SignedIn) => `${signed.person.role.charAt(0).toUpperCase()}${signed.person.role.slice(1)}s${signed.person.organisation ? " of one organisation" : ""}`;

function RegionChoice({ region, choose }: { region: string; choose: (word: string) => void }) {
  const law = usePoll<{ regions: { id: string; name: string }[] }>("/law", 0);
  return (
    <select id="region" class="button" aria-label="Region" value={region} onChange={(event) => choose(event.currentTarget.value)}>
      <option value="">All regions</option>
      {(law.data?.regions ?? []).filter((each) => each.id !== "HOUSE").map((each) => <option key={each.id} value={each.id}>{each.name}</option>)}
    </select>
  );
}

function SignIn({ ended }: { ended: boolean }) {
  const [token, setToken] = useState("");
  const [failure, setFailure] = useState("");
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
