// The offline shell: the page and its parts, by version. Answers, keys and anything under /v1 never pass through here.
const VERSION = "isthmus-0ab23b5aa0";
const SHELL = ["/", "/manifest.webmanifest", "/app/app-8b2803fb50.js", "/app/app-0dedd6ec50.css", "/app/icon.svg", "/app/icon-192.png"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== VERSION).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/v1")) return;
  if (event.request.mode === "navigate") {
    // The newest page where the network answers, else the one that was kept.
    event.respondWith(fetch(event.request).catch(() => caches.match("/", { ignoreSearch: true })));
  } else if (SHELL.includes(url.pathname)) {
    event.respondWith(caches.match(url.pathname).then((kept) => kept ?? fetch(event.request)));
  }
});
