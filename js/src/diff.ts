// What changed between two texts, word by word (character by character in Chinese, Japanese and Korean).
// Source: Myers, "An O(ND) Difference Algorithm and Its Variations" (1986); here the plain table, texts are short.

export interface Change {
  /** Place of the removed text in the input, in UTF-16 units as the W3C shape wants. */
  start: number;
  end: number;
  removed: string;
  added: string;
}

const TOKEN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]|[\p{L}\p{M}\p{N}_'’]+|\s+|[^\p{L}\p{N}\s]/gu;
const MOST = 4_000_000; // cells of the table; above, the whole middle counts as one change

/** The changes that make `after` out of `before`, in order, neighbours joined. */
export function changes(before: string, after: string): Change[] {
  const a = before.match(TOKEN) ?? [];
  const b = after.match(TOKEN) ?? [];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const left = a.slice(head, a.length - tail);
  const right = b.slice(head, b.length - tail);
  const offset = a.slice(0, head).join("").length;
  return left.length * right.length > MOST
    ? [{ start: offset, end: offset + left.join("").length, removed: left.join(""), added: right.join("") }]
    : joined(walk(left, right), offset);
}

/** `before` with these changes made. */
export function applied(before: string, made: readonly Change[]): string {
  let out = "";
  let from = 0;
  for (const change of made) {
    out += before.slice(from, change.start) + change.added;
    from = change.end;
  }
  return out + before.slice(from);
}

type Step = ["=" | "-" | "+", string];

function walk(a: string[], b: string[]): Step[] {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i * width + j] =
        a[i] === b[j]
          ? table[(i + 1) * width + j + 1] + 1
          : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
  const steps: Step[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      steps.push(["=", a[i++]]);
      j++;
    } else if (j === b.length || (i < a.length && table[(i + 1) * width + j] >= table[i * width + j + 1])) {
      steps.push(["-", a[i++]]);
    } else steps.push(["+", b[j++]]);
  }
  return steps;
}

/** Steps as changes; a lone space between two changes joins them, so that phrases stay whole. */
function joined(steps: Step[], offset: number): Change[] {
  const out: Change[] = [];
  let at = offset;
  let open: Change | null = null;
  for (let index = 0; index < steps.length; index++) {
    const [kind, text] = steps[index];
    if (kind === "=") {
      const next = steps[index + 1];
      if (open && open.removed && open.added && /^\s+$/.test(text) && next && next[0] !== "=") {
        open.removed += text;
        open.added += text;
        at += text.length;
        open.end = at;
        continue;
      }
      open = null;
      at += text.length;
      continue;
    }
    if (!open) {
      open = { start: at, end: at, removed: "", added: "" };
      out.push(open);
    }
    if (kind === "-") {
      open.removed += text;
      at += text.length;
      open.end = at;
    } else open.added += text;
  }
  return out;
}

/** The W3C correction type of a change. */
export function correctionType(change: Change): "spelling" | "punctuation" | "capitalization" | "grammar" {
  const { removed, added } = change;
  if (removed !== added && removed.toLowerCase() === added.toLowerCase()) return "capitalization";
  const letters = /[\p{L}\p{N}]/gu;
  if ((removed.match(letters) ?? []).join("") === (added.match(letters) ?? []).join("")) return "punctuation";
  const words = (text: string) => text.trim().split(/\s+/).length;
  const near = removed && added && words(removed) === 1 && words(added) === 1 && removed.length - added.length < 4;
  return near && shared(removed, added) >= 0.5 ? "spelling" : "grammar";
}

/** The share of letters that both hold, 0 to 1. */
function shared(a: string, b: string): number {
  const rest = [...b];
  let same = 0;
  for (const sign of a) {
    const place = rest.indexOf(sign);
    if (place >= 0) {
      rest.splice(place, 1);
      same++;
    }
  }
  return same / Math.max(a.length, b.length);
}
