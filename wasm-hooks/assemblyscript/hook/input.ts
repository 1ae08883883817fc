import { Answer } from "./answer";
import { Value } from "./json";
import { Reader } from "./reader";

/**
 * Part is a piece of the input from where it begins, as it lies in memory until
 * the call is over. What is in it is read when it is asked for, and what comes
 * after it is not looked at.
 */
class Part {
  constructor(public at: usize, public end: usize) {}

  /** member is an object's, as the engine wrote it; empty if there is none. */
  member(name: string): Part {
    const r = new Reader(this.at, this.end);
    if (r.peek() != 0x7b) return new Part(0, 0);
    r.at++;
    while (r.peek() == 0x22) {
      const key = r.at + 1;
      r.skipString();
      const found = isWritten(key, r.at - 1, name);
      r.take(0x3a);
      r.blank();
      if (found) return new Part(r.at, this.end);
      r.skip();
      if (r.peek() == 0x2c) r.at++;
    }
    return new Part(0, 0);
  }

  /** whole is the part up to its end. */
  whole(): Part {
    const r = new Reader(this.at, this.end);
    r.skip();
    return new Part(this.at, r.at);
  }

  value(): Value {
    const r = new Reader(this.at, this.end);
    const v = r.value(0);
    return r.ok ? v : Value.null();
  }

  text(name: string): string {
    const m = this.member(name);
    return m.isText() ? new Reader(m.at, m.end).string() : "";
  }

  isText(): bool { return this.end > this.at && load<u8>(this.at) == 0x22; }
}

/** isWritten tells whether that is a name of the engine's. */
function isWritten(at: usize, end: usize, name: string): bool {
  if (end - at != (name.length as usize)) return false;
  for (let i = 0; i < name.length; i++) {
    if (load<u8>(at + i) != (name.charCodeAt(i) as u8)) return false;
  }
  return true;
}

/** Session is what a hook at on_session is called for, and part of what the others are. */
export class Session {
  /** @internal */
  constructor(private about: Part) {}

  get id(): string { return this.about.text("id"); }
  get agentGroupId(): string { return this.about.text("agentGroupId"); }
  get messagingGroupId(): string { return this.about.text("messagingGroupId"); }
  get threadId(): string { return this.about.text("threadId"); }
  get mode(): string { return this.about.text("mode"); }
  get labels(): string[] {
    const list = this.about.member("labels").value();
    const labels: string[] = [];
    for (let i = 0; i < list.length; i++) labels.push(list.at(i).string());
    return labels;
  }
  /** channelType and platformId are known at on_session alone; else they are "". */
  get channelType(): string { return this.about.text("channelType"); }
  get platformId(): string { return this.about.text("platformId"); }
}

/** Content is what a message or reply says: an object, an array or a string. */
export class Content {
  private part: Part | null = null;

  constructor(protected input: Part, protected around: Part) {}

  private get raw(): Part {
    let p = this.part;
    if (!p) this.part = p = this.around.member("content").whole();
    return p;
  }

  /** content is it all, to read or to change and give to Answer.replace. */
  get content(): Value { return this.raw.value(); }

  /** text is the content where it is a string, else its member "text"; "" if there is none. */
  get text(): string {
    const raw = this.raw;
    if (raw.isText()) return new Reader(raw.at, raw.end).string();
    let text = "";
    const at = this.texts();
    if (at.length > 0) text = new Reader(at[at.length - 2], at[at.length - 1]).string();
    return text;
  }

  /** replaceText is the content as it is, but for text; if there is none, it passes. */
  replaceText(text: string): Answer {
    const raw = this.raw;
    if (raw.isText()) return Answer.replace(Value.string(text));
    const at = this.texts();
    if (at.length == 0) return Answer.pass();
    const parts = new StaticArray<usize>(at.length + 2);
    let start = raw.at;
    for (let i = 0; i < at.length; i += 2) {
      parts[i] = start;
      parts[i + 1] = at[i] - start;
      start = at[i + 1];
    }
    parts[at.length] = start;
    parts[at.length + 1] = raw.end - start;
    return Answer.splice(parts, text);
  }

  /** texts is where each text by that name begins and ends: whoever reads the first of two gets the new one, too. */
  private texts(): usize[] {
    const found: usize[] = [];
    const raw = this.raw;
    const r = new Reader(raw.at, raw.end);
    if (r.peek() != 0x7b) return found;
    r.at++;
    while (r.peek() == 0x22) {
      const key = r.string();
      r.take(0x3a);
      const isText = r.peek() == 0x22;
      const start = r.at;
      r.skip();
      if (isText && key == "text") {
        found.push(start);
        found.push(r.at);
      }
      if (r.peek() == 0x2c) r.at++;
    }
    return found;
  }

  get session(): Session { return new Session(this.input.member("session")); }
  get id(): string { return this.around.text("id"); }
  get kind(): string { return this.around.text("kind"); }
  get platformId(): string { return this.around.text("platformId"); }
  get channelType(): string { return this.around.text("channelType"); }
  get threadId(): string { return this.around.text("threadId"); }
}

/** Message is what a hook at on_message is called for. What it lacks is "". */
export class Message extends Content {
  get timestamp(): string { return this.around.text("timestamp"); }
  get sourceSessionId(): string { return this.around.text("sourceSessionId"); }
  /** trigger tells whether it asks for an answer, or is context alone. */
  get trigger(): bool { return this.around.member("trigger").value().bool(); }
}

/** Reply is what a hook at on_reply is called for. */
export class Reply extends Content {}

/** Attachment is what a hook at on_attachment is called for. */
export class Attachment {
  /** @internal */
  constructor(private input: Part, private about: Part, private from: usize, private size: usize) {}

  /** bytes are a copy of the attachment's. */
  get bytes(): Uint8Array {
    const b = new Uint8Array(this.size as i32);
    memory.copy(b.dataStart, this.from, this.size);
    return b;
  }
  /** ref is how the message's content names it. */
  get ref(): string { return this.about.text("ref"); }
  get name(): string { return this.about.text("name"); }
  get mimeType(): string { return this.about.text("mimeType"); }
  /** message is the one it belongs to, without its content. */
  get message(): Message { return new Message(this.input, this.input.member("message")); }
}

// A hook's assembly/exports.ts has a function for each point that it handles,
// which calls one of these.

export function answerMessage(at: usize, size: usize, f: (m: Message) => Answer): u64 {
  const input = new Part(at, at + size);
  return f(new Message(input, input.member("message"))).send(false);
}

export function answerReply(at: usize, size: usize, f: (r: Reply) => Answer): u64 {
  const input = new Part(at, at + size);
  return f(new Reply(input, input.member("reply"))).send(false);
}

export function answerSession(at: usize, size: usize, f: (s: Session) => Answer): u64 {
  return f(new Session(new Part(at, at + size).member("session"))).send(false);
}

export function answerAttachment(at: usize, size: usize, f: (a: Attachment) => Answer): u64 {
  const start = at + 4;
  const described = load<u32>(at) as usize;
  const input = new Part(start, start + described);
  return f(new Attachment(input, input.member("attachment"), start + described, size - 4 - described)).send(true);
}
