// The admin API as the console asks it. A session that ended raises `Ended`, and nothing on the page is lost.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export type Person = { id: string; name: string; role: string; organisation: string };
export type SignedIn = { person: Person; may: string[]; csrf: string; until: number };
export class Failed extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

let csrf = "";
const listeners = new Set<(signed: SignedIn | null) => void>();

export function onSession(heard: (signed: SignedIn | null) => void): () => void {
  listeners.add(heard);
  return () => listeners.delete(heard);
}

function tell(signed: SignedIn | null): void {
  csrf = signed?.csrf ?? csrf;
  for (const heard of listeners) heard(signed);
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET") headers["isthmus-csrf"] = csrf;
  let answer: Response;
  try {
    answer = await fetch(`/admin/v1${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new Failed("unreachable", "The control process did not answer.");
  }
  if (answer.status === 204) return undefined as T;
  const document = await answer.json();
  if (!answer.ok) {
    const { code, message } = document.error;
    if (answer.status === 401 && path !== "/session") {
      tell(null);
      throw new Failed("expired", "This session has ended. Sign in again; nothing on this page is lost.");
    }
    throw new Failed(code, message);
  }
  return document as T;
}

export async function signIn(token: string): Promise<void> {
  tell(await call<SignedIn>("POST", "/session", { token }));
}

/** The name of the organisation's own identity provider; "" where the token alone signs in. */
export async function signInElsewhere(): Promise<string> {
  try {
    return (await call<{ name: string }>("GET", "/oidc")).name;
  } catch (error) {
    if (error instanceof Failed) return "";
    throw error;
  }
}

export async function resume(): Promise<void> {
  try {
    tell(await call<SignedIn>("GET", "/session"));
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
  }
}

export async function signOut(): Promise<void> {
  await call("DELETE", "/session");
  tell(null);
}

export type Polled<T> = { data: T | null; at: number; failure: Failed | null; again: () => void };

/** When a page that asks again and again last heard an answer, ms. */
export const heard = { at: 0 };

/** Asks `path` now and every `seconds` (0: once; "": never); keeps the last good answer while a later one fails. */
export function usePoll<T>(path: string, seconds: number): Polled<T> {
  const [state, setState] = useState<{ data: T | null; at: number; failure: Failed | null; path: string }>({ data: null, at: 0, failure: null, path });
  const [round, setRound] = useState(0);
  const paused = useRef(false);
  useEffect(() => {
    let living = true;
    const look = async () => {
      if (!path || document.hidden || paused.current || pausing.paused) return;
      try {
        const data = await call<T>("GET", path);
        if (seconds) heard.at = Date.now();
        if (living) setState({ data, at: Date.now(), failure: null, path });
      } catch (error) {
        if (living && error instanceof Failed) setState((old) => ({ ...old, data: old.path === path ? old.data : null, failure: error, path }));
      }
    };
    void look();
    const timer = seconds ? setInterval(look, seconds * 1000) : 0;
    const off = onSession((signed) => signed && void look());
    return () => {
      living = false;
      clearInterval(timer);
      off();
    };
  }, [path, seconds, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  return { data: state.path === path ? state.data : null, at: state.at, failure: state.failure, again };
}

export const pausing = { paused: false };
