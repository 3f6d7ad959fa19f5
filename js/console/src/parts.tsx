// What every page is made of.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Polled } from "./api";

const PATHS = {
  now: "M3 12h4l2-6 4 12 3-9 2 3h3",
  decisions: "M12 4v16M7 20h10M5 7h14M5 7l-2.5 6a3 3 0 0 0 5 0zM19 7l-2.5 6a3 3 0 0 0 5 0z",
  calendar: "M5 6h14v13H5zM5 10h14M9 3.5V8M15 3.5V8",
  partners: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3.5 19a5.5 5.5 0 0 1 11 0M16 5.5a3 3 0 0 1 0 5.5M17 14a5.5 5.5 0 0 1 3.5 5",
  money: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM9 8l3 4 3-4M12 12v5M9.5 13.5h5",
  ledger: "M6 4h11a1 1 0 0 1 1 1v15H7a2 2 0 0 1-2-2V5a1 1 0 0 1 1-1zM5 18a2 2 0 0 1 2-2h11",
  fleet: "M4 5h16v6H4zM4 13h16v6H4zM7 8h.01M7 16h.01M11 8h6M11 16h6",
  planner: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  guard: "M12 3.5 18.5 6v5.5c0 4-2.7 7.2-6.5 9-3.8-1.8-6.5-5-6.5-9V6z",
  search: "M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15.5 15.5 20 20",
  check: "m5 12.5 4.5 4.5L19 7.5",
  warn: "M12 4 21 20H3zM12 10v4M12 17v.01",
  device: "M9 3h6a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM11 18h2",
  private: "M7 11h10a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  partner: "M7 17 17 7M9 7h8v8",
  refused: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM6 6l12 12",
  out: "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width={1.7} stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

export function Card({ title, note, action, children, wide }: { title: string; note?: string; action?: ComponentChildren; children: ComponentChildren; wide?: boolean }) {
  return (
    <div class={wide ? "card wide" : "card"} role="group" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note ? <span class="note">{note}</span> : null}
        <span class="grow" />
        {action}
      </header>
      {children}
    </div>
  );
}

export function Stat({ label, value, unit, note, tone, line }: { label: string; value: string; unit?: string; note?: string; tone?: "warn" | "danger"; line?: ComponentChildren }) {
  return (
    <div class={`card stat ${tone ?? ""}`}>
      {line}
      <span class="label">{label}</span>
      <span class="figure">
        {value}
        {unit ? <small> {unit}</small> : null}
      </span>
      <span class="note">{note ?? " "}</span>
    </div>
  );
}

export type Column<T> = { name: string; right?: boolean; show: (row: T) => ComponentChildren };

export function Table<T>({ label, columns, rows, empty, open }: { label: string; columns: Column<T>[]; rows: readonly T[]; empty: ComponentChildren; open?: (row: T) => void }) {
  if (!rows.length) return <p class="empty">{empty}</p>;
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={column.right ? "right" : undefined}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, number) => (
            <tr key={number} class={open ? "opens" : undefined}>
              {columns.map((column, place) => (
                <td key={column.name} class={column.right ? "right" : undefined}>
                  {open && place === 0 ? (
                    <button type="button" class="link row-open" onClick={() => open(row)}>
                      {column.show(row)}
                    </button>
                  ) : (
                    column.show(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A chart with its table: whoever cannot see the picture, or wants the numbers, opens the second. */
export function Pictured({ title, note, picture, table, wide }: { title: string; note: string; picture: ComponentChildren; table: ComponentChildren; wide?: boolean }) {
  const [plain, setPlain] = useState(false);
  return (
    <Card
      title={title}
      note={note}
      wide={wide ?? false}
      action={
        <button type="button" class="link" aria-pressed={plain} onClick={() => setPlain(!plain)}>
          {plain ? "View as picture" : "View as table"}
        </button>
      }
    >
      {plain ? table : picture}
    </Card>
  );
}

/** Where an answer is made: colour, icon and word; a rehearsal is dashed and says so. */
export function Place({ tier, rehearsal = false, children }: { tier: string; rehearsal?: boolean; children: ComponentChildren }) {
  const icon: IconName = tier === "device" || tier === "private" || tier === "partner" ? tier : "refused";
  return (
    <span class={rehearsal ? "place rehearsal" : `place ${icon}`}>
      <Icon name={icon} size={14} />
      {rehearsal ? "Rehearsal: " : null}
      {children}
    </span>
  );
}

/** Loading, failing, or what `children` makes of the answer. */
export function Shown<T>({ polled, children }: { polled: Polled<T>; children: (data: T) => ComponentChildren }) {
  const { data, failure, at } = polled;
  if (!data) return failure ? <Banner text={failure.message} /> : <div class="skeleton" aria-busy="true" aria-label="Loading" />;
  return (
    <div class={failure ? "dimmed" : undefined}>
      {failure ? <Banner text={`${failure.message} Numbers are from ${clock(at)}. Trying again.`} /> : null}
      {children(data)}
    </div>
  );
}

export function Banner({ text, tone = "warn" }: { text: string; tone?: "warn" | "ok" | "danger" }) {
  return (
    <p class={`banner ${tone}`} role="status">
      <Icon name={tone === "ok" ? "check" : "warn"} />
      <span>{text}</span>
    </p>
  );
}

export function Dialog({ title, close, children }: { title: string; close?: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  return (
    <dialog
      ref={box}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        close?.();
      }}
    >
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

/** A dangerous act: says what it does, then a verb to press. */
export function Confirm({ title, effect, verb, act, close }: { title: string; effect: string; verb: string; act: () => Promise<void>; close: () => void }) {
  const [failure, setFailure] = useState("");
  return (
    <Dialog title={title} close={close}>
      <p>{effect}</p>
      {failure ? <Banner text={failure} tone="danger" /> : null}
      <div class="buttons">
        <button type="button" class="button" onClick={close}>
          Not now
        </button>
        <button
          type="button"
          class="button primary"
          onClick={() =>
            act().then(close, (error: Error) => {
              setFailure(error.message);
            })
          }
        >
          {verb}
        </button>
      </div>
    </Dialog>
  );
}

export function Field({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

export function Choice({ label, value, options, choose }: { label: string; value: string; options: readonly (readonly [string, string])[]; choose: (word: string) => void }) {
  return (
    <Field label={label}>
      <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {options.map(([word, shown]) => (
          <option key={word} value={word}>
            {shown}
          </option>
        ))}
      </select>
    </Field>
  );
}

export const clock = (ms: number) => new Date(ms).toISOString().slice(11, 19);
export const whole = (n: number) => n.toLocaleString("en-US", { maximumFractionDigits: 0 });
export const some = (n: number | null | undefined, digits = 2) => (n === null || n === undefined ? "–" : n.toLocaleString("en-US", { maximumFractionDigits: digits }));
export const ms = (seconds: number | null) => (seconds === null ? "–" : whole(seconds * 1000));
export const when = (at: number) => new Date(at).toISOString().replace("T", " ").slice(0, 19);
