// The phone app: which page, which sheet, and the start.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { GatewayError } from "../src/gateway.js";
import { begin, copy, enter, gateway, label, region, retry, toast } from "./actions.js";
import { ChatPage, PlusRows } from "./chat.js";
import { ConsentSheet } from "./consent.js";
import { DigestPage } from "./digest.js";
import { afterSheet, Clauses, IconButton, RowButton, Sheet, useStore, useWords } from "./parts.js";
import { change, ErasedPage, EraseSheet, PlaceFields, SettingsPage } from "./settings.js";
import { store, type State, type Turn } from "./store.js";
import { ToolsPage } from "./tools.js";
import { WhySheet } from "./why.js";
import { LANGUAGES, type Language } from "./words.js";

function App() {
  const state = useStore();
  const { language } = state.settings;
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  if (state.erased) return <ErasedPage went={state.erased} />;
  if (!state.key) return <KeyPage state={state} />;
  return (
    <>
      <a class="skip" href="#ask" onClick={(event) => { event.preventDefault(); document.querySelector<HTMLElement>("#ask")?.focus(); }}>{useWords().skip}</a>
      <div class="shell">
        <aside class="side"><ChatList state={state} /></aside>
        <Page state={state} />
      </div>
      <Sheets state={state} />
      <div class="visually-hidden" role="status">{state.status}</div>
      <div class={state.toast ? "toast shown" : "toast"} role="status">{state.toast && <Clauses text={state.toast} />}</div>
    </>
  );
}

function Page({ state }: { state: State }) {
  const [, page, more = ""] = state.route.split("/");
  if (page === "tools") return <ToolsPage key={more} start={more} />;
  if (page === "digest") return <DigestPage />;
  if (page === "settings") return <SettingsPage state={state} />;
  return <ChatPage state={state} />;
}

/** The first screen: the key that `isthmus up` printed. It is kept here and sent to this server only. */
function KeyPage({ state }: { state: State }) {
  const w = useWords();
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState("");
  const go = async () => {
    try {
      await enter(key.trim());
    } catch (error) {
      setProblem(error instanceof GatewayError && error.status === 401 ? w.keyWrong : w.keyNet);
    }
  };
  return (
    <main class="page first">
      <p class="brand">{w.app}</p>
      <h1><Clauses text={w.keyTitle} /></h1>
      <p class="lead"><Clauses text={w.keyText} /></p>
      <form onSubmit={(event) => { event.preventDefault(); void go(); }}>
        <label class="field">
          <span>{w.key}</span>
          <input value={key} type="password" autoComplete="off" spellcheck={false} placeholder="isk_…" aria-invalid={problem !== ""} aria-describedby="key-problem"
            onInput={(event) => { setKey(event.currentTarget.value); setProblem(""); }} />
        </label>
        <p id="key-problem" class="bad" role="alert"><Clauses text={problem} /></p>
        <button type="submit" class="primary-button wide">{w.keyGo}</button>
      </form>
      <div class="languages">
        {(Object.entries(LANGUAGES) as [Language, string][]).map(([language, name]) => (
          <button type="button" class="link-button" lang={language} aria-pressed={language === state.settings.language} onClick={() => change({ language })}>{name}</button>
        ))}
      </div>
    </main>
  );
}

function ChatList({ state, done }: { state: State; done?: () => void }) {
  const w = useWords();
  const open = (id: string) => {
    store.set({ current: id });
    go("");
  };
  const go = (hash: string) => {
    done?.();
    afterSheet(() => { location.hash = hash; });
  };
  return (
    <nav aria-label={w.chats}>
      <div class="side-rows">
        <RowButton icon="compose" title={w.newChat} onClick={() => open("")} />
        <RowButton icon="pencil" title={w.tools} onClick={() => go("#/tools")} />
        <RowButton icon="bell" title={w.digest} onClick={() => go("#/digest")} />
        <RowButton icon="gear" title={w.settings} onClick={() => go("#/settings")} />
      </div>
      {state.chats.length > 0 && <h3 class="side-title">{w.chats}</h3>}
      <ul class="chat-list">
        {state.chats.map((chat) => (
          <li>
            <button type="button" class="chat-name" aria-current={chat.id === state.current ? "page" : undefined} onClick={() => open(chat.id)}><bdi>{chat.title}</bdi></button>
            <IconButton class="small-icon" icon="trash" label={`${w.remove}: ${chat.title}`} onClick={() => remove(chat.id)} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

function remove(id: string): void {
  const { chats, current } = store.state;
  store.set({ chats: chats.filter((chat) => chat.id !== id), current: current === id ? "" : current });
}

function Sheets({ state }: { state: State }) {
  const w = useWords();
  const { sheet } = state;
  if (!sheet) return null;
  const close = () => store.set({ sheet: null });
  const foot = <button type="button" class="plain-button wide" onClick={close}>{w.close}</button>;
  switch (sheet.kind) {
    case "consent":
      return <ConsentSheet key={sheet.sheet.title + sheet.sheet.kind} asked={sheet} />;
    case "why":
      return <WhySheet turn={sheet.turn} onClose={close} />;
    case "place":
      return <Sheet key="place" title={w.placeTitle} onClose={close} foot={foot}><PlaceFields state={state} /></Sheet>;
    case "plus":
      return <Sheet key="plus" title={w.plus} onClose={close} foot={foot}><PlusRows done={close} /></Sheet>;
    case "chats":
      return <Sheet key="chats" title={w.app} onClose={close} foot={foot}><ChatList state={state} done={close} /></Sheet>;
    case "more":
      return <Sheet key="more" title={w.more} onClose={close} foot={foot}><MoreRows turn={sheet.turn} close={close} /></Sheet>;
    case "plain":
      return <PlainSheet turn={sheet.turn} onClose={close} />;
    case "erase":
      return <EraseSheet onClose={close} />;
  }
}

function MoreRows({ turn, close }: { turn: Turn; close: () => void }) {
  const w = useWords();
  const then = (act: () => void) => () => {
    close();
    afterSheet(act);
  };
  return (
    <div class="rows">
      <RowButton icon="info" title={w.whyThis} onClick={() => store.set({ sheet: { kind: "why", turn } })} />
      {turn.origin?.source !== "partner" && <RowButton icon="out" title={w.askPartner} sub={w.try3sub} onClick={then(() => void retry(turn, "partner"))} />}
      {region()?.label && <RowButton icon="copy" title={w.copyPlain} onClick={() => store.set({ sheet: { kind: "plain", turn } })} />}
    </div>
  );
}

/** Copying without the label is a consent of its own, and leaves a receipt (Labelling Measures Art 9). */
function PlainSheet({ turn, onClose }: { turn: Turn; onClose: () => void }) {
  const w = useWords();
  const agree = async () => {
    const { settings, subject } = store.state;
    onClose();
    try {
      await gateway().call("POST", "/v1/consents", { kind: "label_duty", recipient: "", region: settings.region, scope: "once", subject, language: settings.language });
      await copy(turn.text, "");
    } catch {
      toast(w.e_other);
    }
  };
  return (
    <Sheet key="plain" title={<Clauses text={w.plainTitle} />} onClose={onClose} foot={
      <div class="pair">
        <button type="button" class="plain-button" onClick={() => { onClose(); void copy(turn.text, turn.origin?.label || label()); }}>{w.plainNo}</button>
        <button type="button" class="plain-button" onClick={() => void agree()}>{w.plainYes}</button>
      </div>
    }>
      <p class="lead"><Clauses text={w.plainWhy} /></p>
    </Sheet>
  );
}

window.addEventListener("hashchange", () => {
  if (/[#&]key=/.test(location.hash)) begin(); // a link with a key, opened while the page stands
  else store.set({ route: location.hash });
});
window.addEventListener("online", () => store.set({ online: true }));
window.addEventListener("offline", () => store.set({ online: false }));
window.addEventListener("pagehide", () => store.flush());
// iOS keeps the layout viewport when its keyboard opens; the app's height follows what is really seen.
window.visualViewport?.addEventListener("resize", () => {
  document.documentElement.style.setProperty("--seen", `${window.visualViewport!.height}px`);
});

document.documentElement.lang = store.state.settings.language; // before the first drawing: line heights depend on it
begin();
render(<App />, document.querySelector("#app")!);
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/sw.js").catch(() => undefined); // plain http elsewhere: the app works without
