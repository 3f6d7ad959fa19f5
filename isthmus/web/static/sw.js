// The offline shell: the page and its parts, by version; and the engine of the on-device model, once a person has fetched
// a model. Answers, keys, models and anything under /v1 never pass through here.
const VERSION = "isthmus-f1ad2b70a8";
const SHELL = ["/", "/manifest.webmanifest", "/app/app-2e9cec6e44.js", "/app/app-31735e0705.css", "/app/icon.svg", "/app/icon-192.png"];
const ENGINE = ["/app/engine-c36aa7e77f.js", "/app/keeper-2a5f899c31.js", "/app/engine-551f134393.wasm", "/app/compat-2db3f67d0b.wasm", "/app/compat-2649eeb408.js"]; // their names hold their digests, so what is kept is never old

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(tidy().then(() => self.clients.claim()));
});

/** Older versions go; parts of the engine that are still the same ones move to this version's cache first. */
async function tidy() {
  const cache = await caches.open(VERSION);
  for (const name of await caches.keys()) {
    if (name === VERSION) continue;
    const old = await caches.open(name);
    for (const path of ENGINE) {
      const kept = await old.match(path);
      if (kept && !(await cache.match(path))) await cache.put(path, kept);
    }
    await caches.delete(name);
  }
}

async function engine(request, path) {
  const cache = await caches.open(VERSION);
  const kept = await cache.match(path);
  if (kept) return kept;
  const fresh = await fetch(request);
  if (fresh.ok) await cache.put(path, fresh.clone());
  return fresh;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/v1")) return;
  if (event.request.mode === "navigate") {
    // The newest page where the network answers, else the one that was kept.
    event.respondWith(fetch(event.request).catch(() => caches.match("/", { ignoreSearch: true })));
  } else if (SHELL.includes(url.pathname)) {
    event.respondWith(caches.match(url.pathname).then((kept) => kept ?? fetch(event.request)));
  } else if (ENGINE.includes(url.pathname)) event.respondWith(engine(event.request, url.pathname));
});
