// Builds the package into dist/, the phone app into isthmus/web/static/ (committed), and the tests into build/tests/.

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const TARGET = ["es2022", "chrome117", "safari17.4", "firefox121"];
const LIMITS = { "app.js": 60_000, "app.css": 10_000 }; // bytes, gzip
const STATIC = new URL("../isthmus/web/static/", import.meta.url);
const here = (path) => new URL(path, import.meta.url).pathname;

async function tests() {
  const names = (await readdir(here("test"))).filter((name) => name.endsWith(".test.ts"));
  await rm(here("build/tests"), { recursive: true, force: true });
  await build({
    entryPoints: names.map((name) => here(`test/${name}`)),
    bundle: true, format: "esm", platform: "node", target: "node20", outdir: here("build/tests"), jsx: "automatic", jsxImportSource: "preact",
  });
}

async function packaged() {
  await build({ entryPoints: [here("src/index.ts")], bundle: true, format: "esm", target: TARGET, outfile: here("dist/index.js") });
}

async function app() {
  const made = await build({
    entryPoints: { app: here("app/main.tsx"), style: here("app/app.css") },
    bundle: true, format: "esm", target: TARGET, minify: true, write: false, outdir: here("build/app"), legalComments: "none",
    jsx: "automatic", jsxImportSource: "preact", define: { "process.env.NODE_ENV": '"production"' }, charset: "utf8",
  });
  await rm(STATIC, { recursive: true, force: true });
  await mkdir(new URL("app/", STATIC), { recursive: true });
  const names = {};
  for (const file of made.outputFiles) {
    const plain = file.path.endsWith(".css") ? "app.css" : "app.js";
    const packed = gzipSync(file.contents, { level: 9 }).length;
    if (packed > LIMITS[plain]) throw new Error(`${plain}: ${packed} bytes gzip, more than ${LIMITS[plain]}`);
    const hash = createHash("sha256").update(file.contents).digest("hex").slice(0, 10);
    names[plain] = plain.replace(".", `-${hash}.`);
    await writeFile(new URL(`app/${names[plain]}`, STATIC), file.contents);
    console.log(`${names[plain]}  ${file.contents.length} bytes, ${packed} gzip`);
  }
  for (const icon of ["icon.svg", "icon-192.png", "icon-512.png"]) {
    await copyFile(here(`static/${icon}`), new URL(`app/${icon}`, STATIC));
  }
  await copyFile(here("static/manifest.webmanifest"), new URL("manifest.webmanifest", STATIC));
  const page = (await readFile(here("static/index.html"), "utf8")).replace("@app.js", names["app.js"]).replace("@app.css", names["app.css"]);
  await writeFile(new URL("index.html", STATIC), page);
  const shell = ["/", "/manifest.webmanifest", `/app/${names["app.js"]}`, `/app/${names["app.css"]}`, "/app/icon.svg", "/app/icon-192.png"];
  const version = createHash("sha256").update(page).digest("hex").slice(0, 10);
  const worker = (await readFile(here("static/sw.js"), "utf8")).replace("@version", `isthmus-${version}`).replace('"@shell"', shell.map((path) => JSON.stringify(path)).join(", "));
  await writeFile(new URL("sw.js", STATIC), worker);
}

if (process.argv.includes("--tests")) await tests();
else {
  await packaged();
  await app();
}
