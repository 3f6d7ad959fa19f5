// Builds the package into dist/, the phone app into isthmus/web/static/ (committed), and the tests into build/tests/.

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const TARGET = ["es2022", "chrome117", "safari17.4", "firefox121"];
const LIMITS = { "app.js": 60_000, "app.css": 10_000 }; // bytes, gzip
const STATIC = new URL("../isthmus/web/static/", import.meta.url);
const here = (path) => new URL(path, import.meta.url).pathname;
const named = (name, contents) => name.replace(".", `-${createHash("sha256").update(contents).digest("hex").slice(0, 10)}.`);

// wllama from its sources, without the parts that know addresses of other hosts: they are never used here.
const atHome = {
  name: "at-home",
  setup(made) {
    made.onResolve({ filter: /^@wllama\/wllama$/ }, () => ({ path: here("node_modules/@wllama/wllama/src/index.ts") }));
    made.onResolve({ filter: /\/(wasm-from-cdn|huggingface)$/ }, ({ path }) => ({ path, namespace: "nowhere" }));
    made.onLoad({ filter: /.*/, namespace: "nowhere" }, () => ({
      contents: "export const WasmCompatFromCDN = { worker: '', wasm: '' }; const none = () => { throw new Error('not here'); }; export { none as getHFModelSource, none as getHFFileSHA256 };",
    }));
    // Comments of the engine's glue name web pages; they are no code.
    made.onLoad({ filter: /workers-code[\\/]generated\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/https?:\/\/[^\s"'`)\\]+/g, "(a web page)"), loader: "ts",
    }));
  },
};

async function tests() {
  const names = (await readdir(here("test"))).filter((name) => name.endsWith(".test.ts"));
  await rm(here("build/tests"), { recursive: true, force: true });
  await build({
    entryPoints: names.map((name) => here(`test/${name}`)),
    bundle: true, format: "esm", platform: "node", target: "node20", outdir: here("build/tests"), jsx: "automatic", jsxImportSource: "preact",
  });
  await build({ entryPoints: [here("test/snippet.ts")], bundle: true, format: "esm", target: TARGET, outfile: here("build/browser/snippet.js") });
}

async function packaged() {
  const entries = { index: here("src/index.ts"), wasm: here("src/wasm.ts"), engine: here("src/engine.ts"), keeper: here("src/keeper.ts") };
  await build({ entryPoints: entries, bundle: true, format: "esm", target: TARGET, outdir: here("dist"), plugins: [atHome], logOverride: { "empty-import-meta": "silent" } });
  for (const [from, to] of WASM) await copyFile(here(`node_modules/@wllama/${from}`), here(`dist/${to}`));
}

const WASM = [
  ["wllama/esm/wasm/wllama.wasm", "engine.wasm"],
  ["wllama-compat/wasm/wllama.wasm", "compat.wasm"],
  ["wllama-compat/wasm/wllama.js", "compat.js"],
];

/** The engine's files into the served folder. Returns each plain name with the path it is served at. */
async function engine() {
  const made = await build({
    entryPoints: { engine: here("src/engine.ts"), keeper: here("src/keeper.ts") },
    bundle: true, format: "esm", target: TARGET, minify: true, write: false, outdir: here("build/app"), legalComments: "none", charset: "utf8", plugins: [atHome],
  });
  const paths = {};
  const keep = async (plain, contents) => {
    const name = named(plain, contents);
    const packed = plain.endsWith(".wasm");
    await writeFile(new URL(`app/${name}${packed ? ".gz" : ""}`, STATIC), packed ? gzipSync(contents, { level: 9 }) : contents);
    paths[plain] = `/app/${name}`;
  };
  for (const file of made.outputFiles) await keep(file.path.endsWith("keeper.js") ? "keeper.js" : "engine.js", file.contents);
  for (const [from, to] of WASM) {
    let contents = await readFile(here(`node_modules/@wllama/${from}`));
    if (to.endsWith(".js")) contents = Buffer.from(contents.toString("utf8").replace(/https?:\/\/[^\s"'`)\\]+/g, "(a web page)"));
    await keep(to, contents);
  }
  return paths;
}

/** What is served here holds these works; their licences go with them. */
async function licences() {
  const mit = await readFile(here("node_modules/@wllama/wllama/LICENCE"), "utf8");
  const terms = mit.slice(mit.indexOf("Permission is hereby granted"));
  return [
    ["Preact", await readFile(here("node_modules/preact/LICENSE"), "utf8")],
    ["wllama", mit],
    ["llama.cpp and ggml (inside wllama's WebAssembly)", `MIT License\n\nCopyright (c) 2023-2026 The ggml authors\n\n${terms}`],
  ].map(([name, text]) => `${name}\n\n${text.trim()}\n`).join("\n----\n\n");
}

async function app() {
  await rm(STATIC, { recursive: true, force: true });
  await mkdir(new URL("app/", STATIC), { recursive: true });
  const parts = await engine();
  const files = { engine: parts["engine.js"], keeper: parts["keeper.js"], wasm: parts["engine.wasm"], compatWasm: parts["compat.wasm"], compatScript: parts["compat.js"] };
  const made = await build({
    entryPoints: { app: here("app/main.tsx"), style: here("app/app.css") },
    bundle: true, format: "esm", target: TARGET, minify: true, write: false, outdir: here("build/app"), legalComments: "none",
    jsx: "automatic", jsxImportSource: "preact", define: { "process.env.NODE_ENV": '"production"', WASM_FILES: JSON.stringify(files) }, charset: "utf8",
  });
  await writeFile(new URL("app/licenses.txt", STATIC), await licences());
  const names = {};
  for (const file of made.outputFiles) {
    const plain = file.path.endsWith(".css") ? "app.css" : "app.js";
    const packed = gzipSync(file.contents, { level: 9 }).length;
    if (packed > LIMITS[plain]) throw new Error(`${plain}: ${packed} bytes gzip, more than ${LIMITS[plain]}`);
    names[plain] = named(plain, file.contents);
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
  const list = (paths) => paths.map((path) => JSON.stringify(path)).join(", ");
  const worker = (await readFile(here("static/sw.js"), "utf8"))
    .replace("@version", `isthmus-${version}`).replace('"@shell"', list(shell)).replace('"@engine"', list(Object.values(parts)));
  await writeFile(new URL("sw.js", STATIC), worker);
}

if (process.argv.includes("--tests")) await tests();
else {
  await packaged();
  await app();
}
