// The consent sheet: what leaves, to whom, for what, how long. Yes and no weigh the same.

import { useState } from "preact/hooks";
import type { Piece, Sheet as Words } from "../src/gateway.js";
import { deviceChats, nameIn } from "./actions.js";
import { Icon } from "./icons.js";
import { Clauses, Sheet, useWords, Whole } from "./parts.js";
import type { ConsentAsked } from "./store.js";
import { fill, shortLaw, spoken, WORDS, type Language } from "./words.js";

export function ConsentSheet({ asked }: { asked: ConsentAsked }) {
  const language = (asked.sheet.language === "en" ? "en" : "zh-CN") as Language;
  const { sheet, preview } = asked;
  const partner = partnerIn(asked, language);
  // The sheet names the model; a person knows the partner, so its name stands in the sentences.
  const say = (text: string) => spoken(text.replaceAll(nameIn(sheet.title), partner), language).replace(/\.\.(?=\s|$)/g, "."); // a name that ends in a full stop, at the end of a sentence
  const foot = (
    <>
      <div class="pair">
        <button type="button" class="plain-button" onClick={() => asked.resolve(null)}><Whole text={sheet.buttons.no} /></button>
        <button type="button" class="plain-button" onClick={() => asked.resolve("once")}><Whole text={sheet.buttons.yes} /></button>
      </div>
      {sheet.always && (
        <button type="button" class="quiet-button" onClick={() => asked.resolve("always")}><Clauses text={say(sheet.always)} /></button>
      )}
      <p class="fine center" lang={language}>
        <Clauses text={spoken(withdrawal(sheet), language) + (sheet.law ? " ·" : "")} /> {sheet.law && <span class="clause"><Whole text={shortLaw(sheet.law, language)} /></span>}
      </p>
    </>
  );
  return (
    <Sheet
      class="consent"
      onClose={() => asked.resolve(null)}
      before={sheet.kind === "separate" && <Crossing partner={partner} rehearsal={Boolean(sheet.rehearsal)} />}
      title={<Clauses text={say(sheet.title)} />}
      foot={foot}
    >
      {sheet.reason && <p class="lead"><Clauses text={reason(sheet, language)} /></p>}
      {sheet.rehearsal && <p class="rehearsal-line"><Clauses text={say(sheet.rehearsal)} /></p>}
      <Outgoing asked={asked} partner={partner} />
      <dl class="facts">
        {[sheet.who, sheet.purpose, sheet.retention].filter((fact) => fact !== undefined).map((fact) => <Fact text={say(fact)} />)}
      </dl>
      {preview && !preview.by_law && <NoLaw />}
      {sheet.draft && <Draft />}
    </Sheet>
  );
}

function partnerIn({ sheet, preview }: ConsentAsked, language: Language): string {
  const badge = preview?.route.badge.replace(/^rehearsal: local stand-in for /, "");
  return spoken(badge ?? nameIn(sheet.title), language);
}

/** The sheet's reason speaks of a device that was unsure; where none tried, it says only what is true. */
function reason(sheet: Words, language: Language): string {
  return deviceChats() ? (sheet.reason ?? "") : WORDS[language].leaves;
}

/** The sentence on withdrawal without its law, which stands behind it in short. */
function withdrawal(sheet: Words): string {
  return (sheet.law ? sheet.withdraw.replace(sheet.law, "") : sheet.withdraw).replace(/\s*·\s*$/, "");
}

function NoLaw() {
  return <p class="fine"><Clauses text={useWords().noLaw} /></p>;
}

function Draft() {
  return <p class="fine"><Clauses text={useWords().draft} /></p>;
}

/** Device, mask, partner on a line: the one motif. */
function Crossing({ partner, rehearsal }: { partner: string; rehearsal: boolean }) {
  const w = useWords();
  const here = deviceChats() ? w.device : w.private;
  return (
    <div class="crossing" aria-hidden="true">
      <span class={deviceChats() ? "badge device" : "badge private"}>
        <Icon name={deviceChats() ? "device" : "lock"} size={18} />
        <Whole text={here} />
      </span>
      <span class={deviceChats() ? "wire device-end" : "wire private-end"} />
      <span class="mask"><Icon name="shield" size={20} /></span>
      <span class={rehearsal ? "wire rehearsal-end" : "wire partner-end"} />
      <span class={rehearsal ? "badge rehearsal" : "badge partner"}>
        <Icon name="out" size={18} flip />
        <bdi><Whole text={partner} /></bdi>
      </span>
    </div>
  );
}

/** The exact text, masked as it would leave; earlier messages of the chat go too and are shown too. */
function Outgoing({ asked, partner }: { asked: ConsentAsked; partner: string }) {
  const w = useWords();
  const [open, setOpen] = useState(false);
  const { preview, sheet } = asked;
  const texts = preview?.texts ?? [];
  if (texts.length === 0) return sheet.masked ? <p class="fine"><Clauses text={sheet.masked} /></p> : null;
  const masked = preview!.masked;
  return (
    <section class="card outgoing" aria-label={w.preview}>
      <h3>{w.preview}</h3>
      <div class="outgoing-text" tabIndex={0}>
        {texts.map((pieces) => <p dir="auto">{pieces.map((piece) => <PieceText piece={piece} open={open} />)}</p>)}
      </div>
      <div class="outgoing-foot">
        <Icon name="shield" size={18} />
        <span><Clauses text={masked ? fill(w.masked, { n: masked, partner }) : w.none} /></span>
        {masked > 0 && <button type="button" class="link-button" aria-pressed={open} onClick={() => setOpen(!open)}>{open ? w.hide : w.show}</button>}
      </div>
    </section>
  );
}

function PieceText({ piece, open }: { piece: Piece; open: boolean }) {
  const w = useWords();
  if (!piece.code) return <>{piece.text}</>;
  const name = `${w.kinds[piece.code] ?? (piece.code.startsWith("ID") ? w.kinds.IDNO : w.detail)} ${piece.n}`;
  return <span class={open ? "chip open" : "chip"}>{open ? `${name} = ${piece.text}` : name}</span>;
}

/** "Term: value" of a sheet's fact as a term and its value. */
function Fact({ text }: { text: string }) {
  const at = text.search(/[：:]/);
  const term = at < 0 ? "" : text.slice(0, at);
  const said = at < 0 ? text : text.slice(at + 1).trim();
  const value = said.charAt(0).toUpperCase() + said.slice(1);
  return (
    <>
      <dt>{term}</dt>
      <dd><Clauses text={value} /></dd>
    </>
  );
}
