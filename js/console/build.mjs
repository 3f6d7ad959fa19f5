// Builds the operator's console into isthmus/web/console_static/ (committed). `npm ci && npm run build` in this folder.

import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMITS = { "console.js": 110_000, "console.css": 10_000 }; // bytes, gzip
const STATIC = new URL("../../isthmus/web/console_static/", import.meta.url);
const here = (path) => new URL(path, import.meta.url).pathname;

const made = await build({
  entryPoints: { console: here("src/main.tsx"), style: here("src/console.css") },
  bundle: true, format: "esm", target: ["es2022", "chrome117", "safari17.4", "firefox121"], minify: true, write: false,
  outdir: here("build"), legalComments: "none", jsx: "automatic", jsxImportSource: "preact", charset: "utf8",
  define: { "process.env.NODE_ENV": '"production"' },
});
await rm(STATIC, { recursive: true, force: true });
await mkdir(new URL("app/", STATIC), { recursive: true });
const names = {};
for (const file of made.outputFiles) {
  const plain = file.path.endsWith(".css") ? "console.css" : "console.js";
  const packed = gzipSync(file.contents, { level: 9 }).length;
  if (packed > LIMITS[plain]) throw new Error(`${plain}: ${packed} bytes gzip, more than ${LIMITS[plain]}`);
  names[plain] = plain.replace(".", `-${createHash("sha256").update(file.contents).digest("hex").slice(0, 10)}.`);
  await writeFile(new URL(`app/${names[plain]}`, STATIC), file.contents);
  console.log(`${names[plain]}  ${file.contents.length} bytes, ${packed} gzip`);
}
await copyFile(here("static/icon.svg"), new URL("app/icon.svg", STATIC));
const page = await readFile(here("static/index.html"), "utf8");
await writeFile(new URL("index.html", STATIC), page.replace("@console.js", names["console.js"]).replace("@console.css", names["console.css"]));
