// What every page is given, and the words that several pages share.

import type { Person } from "./api";

export type View = {
  range: string;
  region: string;
  person: Person;
  may: (word: string) => boolean;
  open: (page: string) => void;
  /** A region's and a place's name for people; the id where none is known. */
  regionName: (id: string) => string;
  placeName: (id: string) => string;
};

export type LawState = { active: string; previous: string; pending: string; said: string };
export type Law = { state: LawState; regions: { id: string; name: string; status: string; rules: number }[] };

export const words = (code: string) => {
  const plain = code.replaceAll("_", " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
};
export const FIRST = <>Nothing yet. Ask something: <code>isthmus ask "你好"</code></>;
export const pairs = (list: readonly string[]) => list.map((word) => [word, word] as const);
/** "Auditors": who may read a page and not change it. */
export const roleOf = (person: Person) => `${person.role.charAt(0).toUpperCase()}${person.role.slice(1)}s${person.organisation ? " of one organisation" : ""}`;
/** A partner's name out of its badge. */
export const bare = (badge: string) => badge.replace(/^rehearsal: local stand-in for /, "");
