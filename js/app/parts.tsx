// Shared parts: buttons, badge, label, sheet, fixed copy that wraps by clause.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Origin } from "../src/gateway.js";
import { whoOf } from "./actions.js";
import { Icon, type IconName } from "./icons.js";
import { store, type State } from "./store.js";
import { fill, WORDS, type Words } from "./words.js";

/** The state, and a new drawing whenever it changes. */
export function useStore(): State {
  const [, redraw] = useState(0);
  useEffect(() => store.subscribe(() => redraw((n) => n + 1)), []);
  return store.state;
}

export function useWords(): Words {
  return WORDS[store.state.settings.language];
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  class?: string;
  flip?: boolean;
  disabled?: boolean;
}

export function IconButton({ icon, label, onClick, class: more = "", flip = false, disabled = false }: IconButtonProps) {
  return (
    <button type="button" class={`icon-button ${more}`} aria-label={label} title={label} onClick={onClick} disabled={disabled}>
      <Icon name={icon} flip={flip} />
    </button>
  );
}

/** Fixed copy, broken only behind its own punctuation; where a clause is longer than a line, between words. */
export function Clauses({ text }: { text: string }) {
  if (!CHINESE.test(text)) return <bdi>{text}</bdi>;
  return <>{text.split(/(?<=[，。；？！：])(?![，。；？！：”）]|$)|(?<!^)(?=（)/).map((each) => <span class="clause">{wordsOf(each)}</span>)}</>;
}

/** A name or a label in one piece of a line: Chinese breaks between words only. */
export function Whole({ text }: { text: string }) {
  return CHINESE.test(text) ? <span class="words">{wordsOf(text)}</span> : <bdi>{text}</bdi>;
}

const CHINESE = /[\u4e00-\u9fff]/;
const SEGMENTS = "Segmenter" in Intl ? new Intl.Segmenter("zh", { granularity: "word" }) : null;

/** The text with a place to break before each word that does not begin it. */
function wordsOf(text: string): ComponentChildren {
  if (!SEGMENTS) return text;
  const out: ComponentChildren[] = [];
  for (const { segment, isWordLike, index } of SEGMENTS.segment(text)) {
    if (index && isWordLike && !/[（“《〈「]$/.test(text.slice(0, index))) out.push(<wbr />);
    out.push(segment);
  }
  return out;
}

export type Place = "device" | "private" | "partner" | "rehearsal";

export function placeOf(origin: Origin): Place {
  if (origin.source === "partner" && origin.rehearsal) return "rehearsal";
  return origin.source;
}

export const PLACE_ICON: Record<Place, IconName> = { device: "device", private: "lock", partner: "out", rehearsal: "out" };

/** Where an answer was made: colour, icon and word. Opens Why when it can. */
export function Badge({ origin, onClick }: { origin: Origin; onClick?: () => void }) {
  const w = useWords();
  const place = placeOf(origin);
  const who = whoOf(origin);
  const text = place === "rehearsal" ? fill(w.rehearsal, { partner: who }) : who;
  const inside = (
    <>
      <Icon name={PLACE_ICON[place]} size={18} flip={PLACE_ICON[place] === "out"} />
      <bdi><Whole text={text} /></bdi>
    </>
  );
  if (!onClick) return <span class={`badge ${place}`}>{inside}</span>;
  return (
    <button type="button" class={`badge ${place}`} onClick={onClick} aria-haspopup="dialog">
      {inside}
      <span class="visually-hidden">{w.whyThis}</span>
      <Icon name="forward" size={16} flip />
    </button>
  );
}

/** The region's label, as text that can be selected. */
export function AiLabel({ text }: { text: string }) {
  return text ? <span class="ai-label"><Whole text={text} /></span> : null;
}

interface SheetProps {
  title: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
  before?: ComponentChildren;
  foot?: ComponentChildren;
  class?: string;
}

/** A bottom sheet (desktop: centred): the page behind is inert, Esc, back and an outside tap close it. */
export function Sheet({ title, onClose, children, before, foot, class: more = "" }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const from = document.activeElement as HTMLElement | null;
    dialog.current!.showModal();
    heading.current!.focus();
    // Buttons that take much of the screen (large letters, small screens) scroll with the facts and never cover them.
    const look = () => {
      const foot = dialog.current?.querySelector<HTMLElement>(".sheet-foot");
      dialog.current?.classList.toggle("whole", foot != null && foot.offsetHeight > innerHeight / 3);
    };
    look();
    window.addEventListener("resize", look);
    const leave = openHistory(() => close.current());
    return () => {
      window.removeEventListener("resize", look);
      leave();
      if (from?.isConnected) from.focus();
    };
  }, []);
  const outside = (event: MouseEvent) => {
    if (event.target === dialog.current) onClose();
  };
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog ref={dialog} class={`sheet ${more}`} aria-labelledby="sheet-title" onCancel={cancel} onClick={outside}>
      <div class="sheet-body">
        {before}
        <h2 id="sheet-title" ref={heading} tabIndex={-1}>{title}</h2>
        {children}
      </div>
      {foot && <div class="sheet-foot">{foot}</div>}
    </dialog>
  );
}

let ours = 0; // steps back that we take ourselves

/** Do `act` when the step back of a closing sheet has been taken, so that it cannot undo what `act` opens. */
export function afterSheet(act: () => void): void {
  requestAnimationFrame(() => {
    if (ours === 0) act();
    else window.addEventListener("popstate", () => setTimeout(act), { once: true });
  });
}

/** Back closes the sheet. Returns what to do when it closes otherwise. */
function openHistory(onBack: () => void): () => void {
  let open = true;
  history.pushState({ sheet: true }, "");
  const heard = () => {
    if (ours > 0) {
      ours--;
      return;
    }
    if (open) {
      open = false;
      onBack();
    }
  };
  window.addEventListener("popstate", heard);
  return () => {
    if (open) {
      open = false;
      ours++;
      history.back();
      setTimeout(() => window.removeEventListener("popstate", heard), 300);
    } else window.removeEventListener("popstate", heard);
  };
}

/** A row that opens or does something. */
export function RowButton({ icon, title, sub, onClick, disabled = false }: { icon: IconName; title: string; sub?: string; onClick: () => void; disabled?: boolean }) {
  return (
    <button type="button" class="row-button" onClick={onClick} disabled={disabled}>
      <span class="row-icon"><Icon name={icon} size={20} flip={icon === "out"} /></span>
      <span class="row-text">
        <span class="row-title"><Clauses text={title} /></span>
        {sub && <span class="row-sub"><Clauses text={sub} /></span>}
      </span>
    </button>
  );
}

interface ChoiceProps<T extends string> {
  legend: string;
  name: string;
  value: T;
  options: { value: T; text: string; off?: string }[];
  onChange: (value: T) => void;
}

/** One of several: radio buttons with their words, and the reason where one cannot be chosen. */
export function Choice<T extends string>({ legend, name, value, options, onChange }: ChoiceProps<T>) {
  return (
    <fieldset class="choice">
      <legend>{legend}</legend>
      {options.map((option) => (
        <label class={option.off ? "option off" : "option"}>
          <input type="radio" name={name} checked={option.value === value} disabled={Boolean(option.off)} onChange={() => onChange(option.value)} />
          <span>{option.text}{option.off && <small><Clauses text={option.off} /></small>}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Select<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: [T, string][]; onChange: (value: T) => void }) {
  return (
    <label class="select">
      <span>{label}</span>
      <span class="select-box">
        <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map(([word, text]) => <option value={word}>{text}</option>)}
        </select>
        <Icon name="down" size={20} />
      </span>
    </label>
  );
}
