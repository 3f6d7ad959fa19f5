// A model's answer as elements: paragraphs, lists, headings, code, bold. Never HTML, never a link that can be
// followed, never a picture: an answer is text.

import type { ComponentChildren, VNode } from "preact";

export function Markdown({ text }: { text: string }) {
  return <>{blocks(text)}</>;
}

function blocks(text: string): VNode[] {
  const out: VNode[] = [];
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    if (line.trim() === "") at++;
    else if (line.startsWith("```")) {
      const end = lines.findIndex((each, index) => index > at && each.startsWith("```"));
      const stop = end < 0 ? lines.length : end;
      out.push(<pre tabIndex={0}><code>{lines.slice(at + 1, stop).join("\n")}</code></pre>);
      at = stop + 1;
    } else if (BULLET.test(line) || NUMBER.test(line)) {
      const kind = BULLET.test(line) ? BULLET : NUMBER;
      const start = at;
      while (at < lines.length && kind.test(lines[at])) at++;
      const items = lines.slice(start, at).map((each) => <li>{inline(each.replace(kind, ""))}</li>);
      out.push(kind === BULLET ? <ul>{items}</ul> : <ol start={parseInt(line.trim(), 10)}>{items}</ol>);
    } else if (/^#{1,6}\s/.test(line)) {
      out.push(<p class="subhead">{inline(line.replace(/^#+\s+/, ""))}</p>);
      at++;
    } else {
      const start = at;
      while (at < lines.length && lines[at].trim() && !BULLET.test(lines[at]) && !NUMBER.test(lines[at]) && !/^(```|#{1,6}\s)/.test(lines[at])) at++;
      out.push(<p>{lines.slice(start, at).flatMap((each, index) => (index ? [<br />, ...inline(each)] : inline(each)))}</p>);
    }
  }
  return out;
}

const BULLET = /^\s*[-*•]\s+/;
const NUMBER = /^\s*\d{1,3}[.)、]\s+/;
const MARK = /(\*\*[^*\n]+\*\*|`[^`\n]+`|!?\[[^\]\n]*\]\([^)\n]*\))/;

function inline(text: string): ComponentChildren[] {
  return text.split(MARK).map((piece) => {
    if (piece.startsWith("**") && piece.length > 4) return <strong>{piece.slice(2, -2)}</strong>;
    if (piece.startsWith("`") && piece.length > 2) return <code>{piece.slice(1, -1)}</code>;
    const link = /^!?\[([^\]]*)\]\(([^)]*)\)$/.exec(piece);
    return link ? `${link[1]} (${link[2]})` : piece;
  });
}
