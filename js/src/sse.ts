// Server-sent events from a fetch body: text in any split goes in, whole events come out.
// Source: WHATWG HTML 9.2.6. Comments are kept, because the gateway's first one names who answers.

export interface ServerEvent {
  comment: string;
  data: string;
  /** "" where the event has none. */
  id: string;
}

/** Cuts text into events, whatever the split. */
export class EventReader {
  #rest = "";

  feed(text: string): ServerEvent[] {
    // A CR at the very end may be half of a CRLF: it waits for the next read.
    let block = this.#rest + text;
    let tail = "";
    if (block.endsWith("\r")) {
      block = block.slice(0, -1);
      tail = "\r";
    }
    const pieces = block.replace(/\r\n?/g, "\n").split("\n\n");
    this.#rest = pieces.pop() + tail;
    return pieces.map(read).filter((event) => event.comment !== "" || event.data !== "");
  }
}

function read(piece: string): ServerEvent {
  const data: string[] = [];
  const comments: string[] = [];
  let id = "";
  for (const line of piece.split("\n")) {
    if (line.startsWith("id:")) id = line.slice(3).trim();
    else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
    else if (line.startsWith(":")) comments.push(line.slice(1).trim());
  }
  return { comment: comments.join("\n"), data: data.join("\n"), id };
}
