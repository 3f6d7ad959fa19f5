// Settings: where, which words, how old, who first; who answers; receipts; deleting everything.

import { useEffect, useState } from "preact/hooks";
import { DownloadError, supported, type ModelInfo } from "../src/wasm.js";
import { erase, gateway, withdraw } from "./actions.js";
import { fetchModel, offered, removeModel, stopFetching } from "./model.js";
import type { Mode } from "../src/task.js";
import { Choice, Clauses, IconButton, Select, Sheet, useWords, Whole } from "./parts.js";
import { store, type KeptGrant, type Settings, type State } from "./store.js";
import { fill, LANGUAGES, type Language } from "./words.js";

export function change(part: Partial<Settings>): void {
  store.set({ settings: { ...store.state.settings, ...part } });
}

/** Region and mode: also behind the header's title. */
export function PlaceFields({ state }: { state: State }) {
  const w = useWords();
  const { settings } = state;
  const modes = (Object.keys(w.modes) as Mode[]).map((value) => ({
    value,
    text: w.modes[value],
    off: value.endsWith("in_cloud") && !state.online ? w.modeOff : value === "only_on_device" && !state.deviceModel ? w.modeNoDevice : undefined,
  }));
  return (
    <>
      <Select label={w.region} value={settings.region} options={state.regions.map((each) => [each.id, w.regions[each.id] ?? each.name])} onChange={(region) => change({ region })} />
      {state.regions.find((each) => each.id === settings.region)?.draft && <p class="small"><Clauses text={w.draft} /></p>}
      <Choice legend={w.mode} name="mode" value={settings.mode} options={modes} onChange={(mode) => change({ mode })} />
    </>
  );
}

export function SettingsPage({ state }: { state: State }) {
  const w = useWords();
  const { settings } = state;
  const receipts = state.chats.flatMap((chat) => chat.turns).filter((turn) => turn.origin?.receipt).slice(0, 20);
  const live = state.grants.filter((grant) => Date.parse(grant.until) > Date.now());
  return (
    <div class="page settings-page">
      <header class="top">
        <IconButton icon="backward" label={w.back} onClick={() => { location.hash = ""; }} flip />
        <h1 class="top-title">{w.settings}</h1>
        <span class="icon-room" />
      </header>
      <main class="scroll">
        <section class="card group"><PlaceFields state={state} /></section>
        <section class="card group">
          <Select label={w.language} value={settings.language} options={Object.entries(LANGUAGES) as [Language, string][]} onChange={(language) => change({ language })} />
          <Select label={w.age} value={settings.age} options={Object.entries(w.ages)} onChange={(age) => change({ age })} />
        </section>
        <section class="card group">
          <h2>{w.grants}</h2>
          {live.length === 0 && <p class="small"><Clauses text={w.noGrants} /></p>}
          {live.map((grant) => <GrantRow grant={grant} />)}
        </section>
        <section class="card group">
          <h2>{w.receipts}</h2>
          {receipts.length === 0 && <p class="small"><Clauses text={w.noReceipts} /></p>}
          {receipts.map((turn) => (
            <button type="button" class="line-button" onClick={() => store.set({ sheet: { kind: "why", turn } })}>
              <bdi class="mono">{turn.origin!.receipt}</bdi>
              <span class="small"><bdi>{new Date(turn.at).toLocaleString(settings.language, { dateStyle: "short", timeStyle: "short" })}</bdi></span>
            </button>
          ))}
        </section>
        <ModelSection state={state} />
        <section class="card group">
          <h2>{w.complaints}</h2>
          <p class="small"><Clauses text={w.complaintText} /></p>
        </section>
        <section class="card group">
          <h2>{w.erase}</h2>
          <p class="small"><Clauses text={w.eraseText} /></p>
          <button type="button" class="danger-button wide" onClick={() => store.set({ sheet: { kind: "erase" } })}>{w.erase}</button>
        </section>
        <p class="fine center"><a class="fine-link" href="/app/licenses.txt">{w.licences}</a></p>
      </main>
    </div>
  );
}

/** The model on this device: what is here, what this server offers, fetching with progress, removing. */
function ModelSection({ state }: { state: State }) {
  const w = useWords();
  const [models, setModels] = useState<ModelInfo[] | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (state.online) void offered(gateway()).then(setModels, () => setModels([]));
  }, [state.online]);
  const fetchIt = (info: ModelInfo) => {
    setProblem("");
    fetchModel(info).catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === "AbortError")) setProblem(error instanceof DownloadError ? w.modelFailed[error.reason] : w.e_other);
    });
  };
  const allowed = state.regions.find((each) => each.id === state.settings.region)?.device !== false;
  const said = state.deviceKind === "browser" ? w.localYes : state.deviceKind === "wasm" ? w.localHere : supported() ? w.localCan : w.localNo;
  return (
    <section class="card group">
      <h2>{w.localModel}</h2>
      <p class="small"><Clauses text={allowed ? said : w.localForbidden} /></p>
      {state.model && state.deviceKind === "wasm" && (
        <div class="line">
          <span class="line-text"><bdi>{state.model.title}</bdi><span class="small">{size(state.model.size)}</span></span>
          <button type="button" class="link-button" onClick={() => void removeModel()}>{w.remove}</button>
        </div>
      )}
      {state.fetching && <Fetching at={state.fetching} />}
      {!state.fetching && allowed && state.deviceKind === "" && models?.map((info) => (
        <div class="line">
          <span class="line-text">
            <bdi>{info.title}</bdi>
            <span class="small">{[size(info.size), info.languages.map((tag) => languageName(tag)).join(", "), info.licence].join(" · ")}</span>
          </span>
          <button type="button" class="link-button" onClick={() => fetchIt(info)} disabled={!state.online}>{w.fetch}</button>
        </div>
      ))}
      {models?.length === 0 && state.online && supported() && state.deviceKind === "" && <p class="fine"><Clauses text={w.noModels} /></p>}
      {problem && <p class="bad" role="alert"><Clauses text={problem} /></p>}
    </section>
  );
}

function Fetching({ at }: { at: { loaded: number; total: number } }) {
  const w = useWords();
  const done = Math.floor((100 * at.loaded) / at.total);
  return (
    <div class="fetching">
      <progress value={at.loaded} max={at.total} aria-label={w.fetching} />
      <div class="line">
        <span class="small">{fill(w.fetched, { here: size(at.loaded), all: size(at.total) })}{` · ${done}%`}</span>
        <button type="button" class="link-button" onClick={stopFetching}>{w.stop}</button>
      </div>
    </div>
  );
}

function size(bytes: number): string {
  return new Intl.NumberFormat(store.state.settings.language, { style: "unit", unit: "megabyte", maximumFractionDigits: 0 }).format(bytes / 1e6);
}

function languageName(tag: string): string {
  return new Intl.DisplayNames([store.state.settings.language], { type: "language" }).of(tag) ?? tag;
}

function GrantRow({ grant }: { grant: KeptGrant }) {
  const w = useWords();
  const until = new Date(grant.until).toLocaleDateString(store.state.settings.language);
  return (
    <div class="line">
      <span class="line-text">
        <bdi>{grant.title}</bdi>
        <span class="small"><Whole text={grant.scope === "once" ? w.once : fill(w.until, { date: until })} /></span>
      </span>
      <button type="button" class="link-button" onClick={() => void withdraw(grant)}>{w.withdraw}</button>
    </div>
  );
}

export function EraseSheet({ onClose }: { onClose: () => void }) {
  const w = useWords();
  const [typed, setTyped] = useState("");
  const [going, setGoing] = useState(false);
  const ready = typed.trim().toLowerCase() === w.eraseWord && !going;
  const go = () => {
    if (!ready) return;
    setGoing(true);
    void erase();
  };
  return (
    <Sheet title={w.erase} onClose={onClose} foot={
      <div class="pair">
        <button type="button" class="plain-button" onClick={onClose}>{w.cancel}</button>
        <button type="button" class="danger-button" aria-disabled={!ready} onClick={go}>{w.remove}</button>
      </div>
    }>
      <p class="lead"><Clauses text={w.eraseText} /></p>
      <label class="field">
        <span>{fill(w.eraseType, { word: w.eraseWord })}</span>
        <input value={typed} autoComplete="off" autoCapitalize="none" onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
    </Sheet>
  );
}

export function ErasedPage({ went }: { went: string[] }) {
  const w = useWords();
  return (
    <main class="page first">
      <h1>{w.eraseDone}</h1>
      <ul class="went">{went.map((each) => <li><Clauses text={each} /></li>)}</ul>
      <button type="button" class="primary-button wide" onClick={() => location.replace("/")}>{w.startAgain}</button>
    </main>
  );
}
