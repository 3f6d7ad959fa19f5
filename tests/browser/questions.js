// Looks at one screen as it stands and answers what a program can answer of the 25 questions. Evaluated as
// ask({least, people}): `least` px is the smallest target, `people` a selector of text that a person or a model wrote.
({ least, people }) => {
  const shown = document.querySelector("dialog[open]") ?? document.body;
  const inside = (each) => !each.closest(".visually-hidden, .skip, [hidden]") && each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const onScreen = (box) => box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const all = [...shown.querySelectorAll("*")].filter((each) => inside(each) && onScreen(each.getBoundingClientRect()));
  const texts = [];
  const walker = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const on = node.parentElement;
    if (!node.data.trim() || !inside(on) || on.closest("option, canvas, script, style")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    if ([...range.getClientRects()].some(onScreen)) texts.push({ node, on });
  }
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const named = (each) => `${each.className?.baseVal ?? each.className ?? ""}`.trim() || each.tagName.toLowerCase();
  const found = {};
  const say = (question, what) => { (found[question] ??= new Set()).add(what); };

  // 2: hue only where a place, a state or a change of text is told
  const hue = (colour) => {
    const [r, g, b, a = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
    return a > 0 && Math.max(r, g, b) - Math.min(r, g, b) > 24;
  };
  const TELLS = ".badge, .chip, .wire, .stop, .ok, .bad, .offline, .trouble, .danger-button, .proof, .interrupted, del, ins, progress, .mask, .home-place, .live, .verdict, .flow, .lines, .place, .banner, .stat.warn, .stat.bad, .warn, mark, .heat, .hashes, .state, .needs, .spark, .danger, .multiples, .missing, .rail b";
  for (const each of all) {
    if (each.closest(TELLS)) continue;
    const style = getComputedStyle(each);
    const parts = { background: style.backgroundColor, border: style.borderTopWidth !== "0px" ? style.borderTopColor : "" };
    if ([...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) parts.text = style.color;
    for (const [part, colour] of Object.entries(parts)) if (colour && hue(colour)) say(2, `${named(each)} ${part} ${colour}`);
  }
  // 3, 4: each answer has its badge (icon and word) and, where there is one, its label
  for (const answer of shown.querySelectorAll("article.answer")) {
    if (!answer.querySelector(".text")) continue;
    const badge = answer.querySelector(".badge");
    if (!badge?.querySelector("svg") || !badge.innerText.trim()) say(3, "an answer without a badge");
    const label = answer.querySelector(".ai-label");
    if (!label?.innerText.trim()) say(4, "an answer without a label");
    else if (parseFloat(getComputedStyle(label).fontSize) < 12) say(4, "a label under 12 px");
  }
  // 5
  for (const badge of shown.querySelectorAll(".badge.rehearsal")) if (getComputedStyle(badge).borderStyle !== "dashed") say(5, "not dashed");
  // 6
  const pair = [...shown.querySelectorAll(".consent .pair button")].map((each) => {
    const style = getComputedStyle(each);
    return JSON.stringify([each.offsetWidth, each.offsetHeight, style.color, style.backgroundColor, style.fontWeight, style.fontSize, style.borderColor]);
  });
  if (pair.length && pair[0] !== pair[1]) say(6, pair.join(" / "));
  // 9: the middle of each fact is the fact, when it is scrolled to
  for (const fact of shown.querySelectorAll(".consent .facts dd")) {
    fact.scrollIntoView({ block: "center" });
    const box = fact.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + 6, Math.min(box.y + box.height / 2, innerHeight - 1));
    if (at?.closest("dd") !== fact) say(9, fact.innerText.slice(0, 20));
  }
  if (shown.querySelector(".consent .facts dd")) shown.querySelectorAll(".sheet, .sheet-body").forEach((each) => { each.scrollTop = 0; });
  if (shown.matches(".sheet")) { shown.scrollTop = 0; shown.querySelector(".sheet-body").scrollTop = 0; }
  // 11, 19: sizes at 100 %
  const sizes = new Map();
  const weights = new Set();
  for (const { on, node } of texts) {
    const style = getComputedStyle(on);
    const size = Math.round((parseFloat(style.fontSize) / rem) * 160) / 10;
    if (size < 12) say(11, `${named(on)} ${size} px`);
    sizes.set(size, (sizes.get(size) ?? "") || node.data.trim().slice(0, 12));
    weights.add(style.fontWeight);
  }
  for (const field of all.filter((each) => each.matches("input:not([type=radio], [type=range], [type=checkbox]), textarea, select"))) {
    sizes.set(Math.round((parseFloat(getComputedStyle(field).fontSize) / rem) * 160) / 10, named(field));
  }
  if (sizes.size > 4) say(19, `sizes ${[...sizes].sort((a, b) => a[0] - b[0]).map(([size, where]) => `${size} "${where}"`).join(", ")}`);
  if (weights.size > 3) say(19, `weights ${[...weights].join(", ")}`);
  // 13: what can be pressed, its label and what it grows by (::after)
  for (const each of all.filter((one) => one.matches("button, a[href], input, select, textarea, summary") && !one.closest(".skip"))) {
    const own = (each.matches("input[type=radio], input[type=checkbox]") && each.closest("label")) || each;
    const box = own.getBoundingClientRect();
    const after = getComputedStyle(own, "::after");
    const more = after.position === "absolute" && after.content !== "none" ? -2 * Math.min(0, parseFloat(after.top) || 0) : 0;
    if (each.matches("textarea.tools-text")) continue;
    if (box.height + more < least - 0.5 || box.width < least - 0.5) say(13, `${named(each)} ${Math.round(box.width)}x${Math.round(box.height + more)}`);
  }
  // 14, 15: nothing cut off, nothing out sideways
  for (const each of all) {
    const box = each.getBoundingClientRect();
    const scrolls = each.closest(".tabs, pre, .scroll-x, .scroll, canvas, svg");
    if (!scrolls && (box.right > innerWidth + 1 || box.left < -1)) say(14, `${named(each)} sticks out`);
    const style = getComputedStyle(each);
    const cuts = style.overflowX === "hidden" || style.overflowX === "clip";
    if (cuts && each.clientWidth > 1 && !each.matches("dialog, body, html, .sheet, progress, .frame") && each.scrollWidth > each.clientWidth + 1 && each.innerText?.trim()) say(14, `${named(each)} is cut: ${each.innerText.slice(0, 24)}`);
  }
  // 12, a part: borders of what is filled in or pressed are told by axe or by the tokens (js/test/tokens.test.ts)
  // 17
  for (const each of [document.documentElement, shown]) {
    if (/^rgb\(0, 0, 0\)$/.test(getComputedStyle(each).backgroundColor)) say(17, "pure black");
  }
  // 18: the left edges of the blocks of the page, or of the sheet
  // 20: Chinese lines
  const words = new Intl.Segmenter("zh", { granularity: "word" });
  const blocks = new Map();
  const blockOf = (on) => { let at = on; while (at.parentElement && getComputedStyle(at).display.startsWith("inline")) at = at.parentElement; return at; };
  for (const text of texts) {
    const block = blockOf(text.on);
    blocks.set(block, [...(blocks.get(block) ?? []), text]);
  }
  for (const [block, parts] of blocks) {
    const whole = parts.map(({ node }) => node.data).join("");
    if (!/[\u4e00-\u9fff]/.test(whole)) continue;
    const lines = []; // [{top, text, ends}]
    let offset = 0;
    const lineAt = [];
    for (const { node } of parts) {
      for (let i = 0; i < node.data.length; i++, offset++) {
        const range = document.createRange();
        range.setStart(node, i);
        range.setEnd(node, i + 1);
        const box = range.getClientRects()[0];
        if (!box || box.width === 0) { lineAt[offset] = lines.length - 1; continue; }
        const middle = (box.top + box.bottom) / 2;
        const last = lines.at(-1);
        if (!last || middle > last.bottom - 1) lines.push({ bottom: box.bottom, text: node.data[i] });
        else { last.text += node.data[i]; last.bottom = Math.max(last.bottom, box.bottom); }
        lineAt[offset] = lines.length - 1;
      }
    }
    for (const line of lines) if (/^[，。、；：？！）》”’…·]/.test(line.text.trim())) say(20, `a line starts with punctuation: ${line.text.trim().slice(0, 8)}`);
    const end = lines.at(-1)?.text.trim() ?? "";
    if (lines.length > 1 && [...end.replace(/[\p{P}\s]/gu, "")].length === 1 && /[\u4e00-\u9fff]/.test(end) && !block.closest(people)) say(20, `an orphan: ${whole.trim().slice(-12)}`);
    if (block.closest(people)) continue;
    for (const { segment, index, isWordLike } of words.segment(whole)) {
      if (isWordLike && segment.length > 1 && /[\u4e00-\u9fff]/.test(segment) && lineAt[index] !== lineAt[index + segment.length - 1]) say(20, `a word is split: ${segment} in ${whole.trim().slice(0, 20)}`);
    }
  }
  return Object.fromEntries(Object.entries(found).map(([question, what]) => [question, [...what].slice(0, 8)]));
}
