import { answer, begin, frame, room } from "./abi";
import { Value, writeRaw, writeString } from "./json";

/** Answer is what becomes of what a hook was called for. */
export class Answer {
  private reason: string = "";
  private content: Value | null = null;
  private around: StaticArray<usize> | null = null;
  private labels: string[] | null = null;
  private isFile: bool = false;
  private bytes: Uint8Array | null = null;
  private fileName: string | null = null;
  private fileType: string | null = null;

  private constructor(private action: string) {}

  /** pass lets it go on as it is. */
  static pass(): Answer { return new Answer(""); }

  /** drop takes a message, or a reply, away: its sender sees it accepted. */
  static drop(): Answer { return new Answer("drop"); }

  /** reject refuses it; the reason is for its sender. */
  static reject(reason: string): Answer {
    const a = new Answer("reject");
    a.reason = reason;
    return a;
  }

  /** replace puts content in the place of a message's or reply's. */
  static replace(content: Value): Answer {
    const a = new Answer("replace");
    a.content = content;
    return a;
  }

  /** labels gives a session its labels, in place of those it has. */
  static labels(labels: string[]): Answer {
    const a = new Answer("replace");
    a.labels = labels;
    return a;
  }

  /** remove takes an attachment away from its message. */
  static remove(): Answer { return new Answer("remove"); }

  /** keep leaves an attachment's bytes as they are. */
  static keep(): Answer {
    const a = new Answer("replace");
    a.isFile = true;
    return a;
  }

  /** replaceBytes gives an attachment new bytes. */
  static replaceBytes(bytes: Uint8Array): Answer {
    const a = Answer.keep();
    a.bytes = bytes;
    return a;
  }

  /** named gives an attachment a name, with keep or replaceBytes. */
  named(name: string): Answer {
    this.fileName = name;
    return this;
  }

  /** typed gives an attachment a type, with keep or replaceBytes. */
  typed(mimeType: string): Answer {
    this.fileType = mimeType;
    return this;
  }

  /** @internal */
  static splice(parts: StaticArray<usize>, text: string): Answer {
    const a = new Answer("replace");
    a.around = parts;
    a.reason = text;
    return a;
  }

  /** @internal send writes it as the engine reads it. */
  send(framed: bool): u64 {
    begin();
    if (this.action == "") return answer();
    if (framed) room(4);
    writeRaw("{\"action\":\"");
    writeRaw(this.action);
    writeRaw("\"");
    this.writeRest();
    writeRaw("}");
    if (framed) {
      frame();
      const bytes = this.bytes;
      if (bytes) memory.copy(room(bytes.byteLength), bytes.dataStart, bytes.byteLength);
    }
    return answer();
  }

  private writeRest(): void {
    const content = this.content, around = this.around, labels = this.labels;
    if (this.action == "reject") {
      writeRaw(",\"reason\":");
      writeString(this.reason);
    } else if (content) {
      writeRaw(",\"content\":");
      content.write();
    } else if (around) {
      writeRaw(",\"content\":");
      for (let i = 0; i < around.length; i += 2) {
        if (i > 0) writeString(this.reason);
        memory.copy(room(around[i + 1]), around[i], around[i + 1]);
      }
    } else if (labels) {
      writeRaw(",\"labels\":[");
      for (let i = 0; i < labels.length; i++) {
        if (i > 0) writeRaw(",");
        writeString(labels[i]);
      }
      writeRaw("]");
    } else if (this.isFile) {
      writeRaw(this.bytes ? ",\"bytes\":\"replace\"" : ",\"bytes\":\"keep\"");
      const name = this.fileName, type = this.fileType;
      if (name) {
        writeRaw(",\"name\":");
        writeString(name);
      }
      if (type) {
        writeRaw(",\"mimeType\":");
        writeString(type);
      }
    }
  }
}
