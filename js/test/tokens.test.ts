import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

type Tokens = Record<string, string>;

/** The tokens of one stylesheet, light and dark. */
function tokens(path: string): { light: Tokens; dark: Tokens } {
  const css = readFileSync(path, "utf8");
  const [light, dark] = [...css.matchAll(/:root \{([^}]*)\}/g)].map((block) => Object.fromEntries([...block[1].matchAll(/--([\w-]+): (#[0-9a-f]{3,6})/g)].map((each) => [each[1], each[2]])));
  return { light, dark: { ...light, ...dark } };
}

/** WCAG 2.2, relative luminance of sRGB. */
function luminance(colour: string): number {
  const full = colour.length === 4 ? colour.replace(/[0-9a-f]/g, "$&$&") : colour;
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function ratio(one: string, other: string): number {
  const [dim, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

const GROUNDS = ["paper", "surface", "sunken"];
const sheets = { phone: "app/app.css", console: "console/src/console.css" };

for (const [name, path] of Object.entries(sheets)) {
  for (const [scheme, own] of Object.entries(tokens(path))) {
    test(`${name}, ${scheme}: words pass 4.5 on every ground, borders and fills of controls 3`, () => {
      for (const text of ["ink", "ink2", "ink3"]) for (const ground of GROUNDS) assert.ok(ratio(own[text], own[ground]) >= 4.5, `${text} on ${ground}`);
      for (const place of ["device", "private", "partner", "warn", "danger", "ok"]) assert.ok(ratio(own[place], own[`${place}-bg`]) >= 4.5, place);
      for (const fill of ["device-fill", "private-fill", "partner-fill", "edge"]) assert.ok(ratio(own[fill], own.surface) >= 3, fill);
    });
    test(`${name}, ${scheme}: no ground is pure black`, () => {
      for (const ground of GROUNDS) assert.notEqual(luminance(own[ground]), 0);
    });
  }
}

test("both apps speak in the same tokens", () => {
  const [phone, own] = [tokens(sheets.phone), tokens(sheets.console)];
  for (const scheme of ["light", "dark"] as const) for (const [name, colour] of Object.entries(own[scheme])) assert.equal(phone[scheme][name], colour, `${scheme} ${name}`);
});
