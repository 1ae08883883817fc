import { giveBack, room } from "./abi";

/** maxDepth is how deep values may be nested: reading them takes stack. */
const maxDepth: i32 = 512;

/** Type is what a Value is. */
export enum Type { Null, Bool, Number, String, Array, Object }

/**
 * Value is a JSON value. What an object or array does not have is Null, and so
 * is what a null, text or number has, so that a path can be followed without a
 * look at each step: config.get("rules").at(0).get("label").string("none").
 */
export class Value {
  type: Type = Type.Null;
  /** text is a string's, or a number as it was written. */
  private text: string = "";
  private keys: string[] | null = null;
  private values: Value[] | null = null;

  static null(): Value { return new Value(); }
  static bool(v: bool): Value {
    const b = Value.of(Type.Bool);
    b.text = v ? "true" : "false";
    return b;
  }
  static number(v: f64): Value {
    const n = Value.of(Type.Number);
    // A whole number has no point in it, as people write it.
    n.text = v == trunc(v) && abs(v) < 1e15 ? (v as i64).toString() : v.toString();
    return n;
  }
  static string(v: string): Value {
    const s = Value.of(Type.String);
    s.text = v;
    return s;
  }
  static array(): Value {
    const a = Value.of(Type.Array);
    a.values = [];
    return a;
  }
  static object(): Value {
    const o = Value.of(Type.Object);
    o.keys = [];
    o.values = [];
    return o;
  }
  private static of(type: Type): Value {
    const v = new Value();
    v.type = type;
    return v;
  }

  /** parse reads a text; null if it is not JSON. */
  static parse(text: string): Value | null {
    const utf8 = String.UTF8.encode(text);
    return read(changetype<usize>(utf8), utf8.byteLength);
  }

  string(otherwise: string = ""): string { return this.type == Type.String ? this.text : otherwise; }
  bool(otherwise: bool = false): bool { return this.type == Type.Bool ? this.text == "true" : otherwise; }
  number(otherwise: f64 = 0): f64 { return this.type == Type.Number ? parseFloat(this.text) : otherwise; }

  /** length is of an array's elements or an object's members. */
  get length(): i32 {
    const values = this.values;
    return values ? values.length : 0;
  }

  /** key is the name of an object's member; "" if there are fewer. */
  key(i: i32): string {
    const keys = this.keys;
    return keys && i >= 0 && i < keys.length ? keys[i] : "";
  }

  /** at is an element of an array, or a member of an object. */
  at(i: i32): Value {
    const values = this.values;
    return values && i >= 0 && i < values.length ? values[i] : Value.null();
  }

  /** get is an object's member: of several by one name, the last. */
  get(key: string): Value { return this.at(this.indexOf(key)); }

  has(key: string): bool { return this.indexOf(key) >= 0; }

  /** set gives an object a member, in place of any by its name. */
  set(key: string, value: Value): void {
    this.remove(key);
    const keys = this.keys, values = this.values;
    if (!keys || !values) throw new Error("set of a Value that is not an object");
    keys.push(key);
    values.push(value);
  }

  /** remove takes an object's members by that name away. */
  remove(key: string): void {
    const keys = this.keys, values = this.values;
    if (!keys || !values) return;
    for (let i = keys.length - 1; i >= 0; i--) {
      if (keys[i] == key) {
        keys.splice(i, 1);
        values.splice(i, 1);
      }
    }
  }

  /** push gives an array an element. */
  push(value: Value): void {
    const values = this.values;
    if (this.type != Type.Array || !values) throw new Error("push to a Value that is not an array");
    values.push(value);
  }

  private indexOf(key: string): i32 {
    const keys = this.keys;
    return keys ? keys.lastIndexOf(key) : -1;
  }

  /** write appends the value to the answer, as JSON. */
  write(): void {
    switch (this.type) {
      case Type.Null: { writeRaw("null"); return; }
      case Type.Bool:
      case Type.Number: { writeRaw(this.text); return; }
      case Type.String: { writeString(this.text); return; }
      default: {
        const isObject = this.type == Type.Object;
        writeRaw(isObject ? "{" : "[");
        for (let i = 0; i < this.length; i++) {
          if (i > 0) writeRaw(",");
          if (isObject) {
            writeString(this.key(i));
            writeRaw(":");
          }
          this.at(i).write();
        }
        writeRaw(isObject ? "}" : "]");
      }
    }
  }

  // What reading makes; the text is not looked at again.
  /** @internal */
  static written(type: Type, text: string): Value {
    const v = Value.of(type);
    v.text = text;
    return v;
  }
  /** @internal */
  add(key: string, value: Value): void {
    this.keys!.push(key);
    this.values!.push(value);
  }
}

/** writeRaw appends ASCII text to the answer. */
export function writeRaw(text: string): void {
  const to = room(text.length);
  for (let i = 0; i < text.length; i++) store<u8>(to + i, text.charCodeAt(i) as u8);
}

/** writeString appends a JSON string to the answer. */
export function writeString(text: string): void {
  writeRaw("\"");
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const lone = isLoneSurrogate(text, i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c && !lone) continue;
    writeText(text, start, i);
    start = i + 1;
    if (lone) writeText("\ufffd", 0, 1);
    else if (c == 0x0a) writeRaw("\\n");
    else if (c < 0x20) {
      writeRaw(c < 16 ? "\\u000" : "\\u001");
      store<u8>(room(1), (c & 15) + ((c & 15) < 10 ? 0x30 : 0x57) as u8);
    } else writeRaw(c == 0x22 ? "\\\"" : "\\\\");
  }
  writeText(text, start, text.length);
  writeRaw("\"");
}

function isLoneSurrogate(text: string, i: i32): bool {
  const c = text.charCodeAt(i) & 0xfc00;
  if (c == 0xd800) return i + 1 >= text.length || (text.charCodeAt(i + 1) & 0xfc00) != 0xdc00;
  return c == 0xdc00 && (i == 0 || (text.charCodeAt(i - 1) & 0xfc00) != 0xd800);
}

function writeText(text: string, start: i32, end: i32): void {
  if (start >= end) return;
  const from = changetype<usize>(text) + ((start as usize) << 1);
  const most = (end - start) * 3;
  const to = room(most);
  giveBack(most - (String.UTF8.encodeUnsafe(from, end - start, to) as i32));
}

/** isNumber tells whether a word is what JSON calls a number. */
function isNumber(word: string): bool {
  let i = word.startsWith("-") ? 1 : 0;
  const first = i;
  i = digits(word, i);
  if (i == first || i > first + 1 && word.charCodeAt(first) == 0x30) return false;
  if (i < word.length && word.charCodeAt(i) == 0x2e) {
    const fraction = i + 1;
    i = digits(word, fraction);
    if (i == fraction) return false;
  }
  if (i < word.length && (word.charCodeAt(i) | 0x20) == 0x65) {
    i++;
    if (i < word.length && (word.charCodeAt(i) == 0x2b || word.charCodeAt(i) == 0x2d)) i++;
    const exponent = i;
    i = digits(word, i);
    if (i == exponent) return false;
  }
  return i == word.length;
}

/** digits is where those end that begin at i. */
function digits(word: string, i: i32): i32 {
  while (i < word.length && word.charCodeAt(i) >= 0x30 && word.charCodeAt(i) <= 0x39) i++;
  return i;
}

/** storeUTF8 stores a character and is where the next goes. What is none is U+FFFD. */
function storeUTF8(to: usize, c: u32): usize {
  if (c < 0x80) {
    store<u8>(to, c as u8);
    return to + 1;
  }
  if (c < 0x800) {
    store<u8>(to, (0xc0 | c >> 6) as u8);
    store<u8>(to + 1, (0x80 | c & 63) as u8);
    return to + 2;
  }
  if ((c & 0xf800) == 0xd800 && c < 0x10000) c = 0xfffd;
  if (c < 0x10000) {
    store<u8>(to, (0xe0 | c >> 12) as u8);
    store<u8>(to + 1, (0x80 | c >> 6 & 63) as u8);
    store<u8>(to + 2, (0x80 | c & 63) as u8);
    return to + 3;
  }
  store<u8>(to, (0xf0 | c >> 18) as u8);
  store<u8>(to + 1, (0x80 | c >> 12 & 63) as u8);
  store<u8>(to + 2, (0x80 | c >> 6 & 63) as u8);
  store<u8>(to + 3, (0x80 | c & 63) as u8);
  return to + 4;
}

/** read reads JSON that is UTF-8 in memory; null if it is none. */
export function read(at: usize, size: usize): Value | null {
  const r = new Reader(at, at + size);
  const v = r.value(0);
  r.blank();
  return r.at == r.end && r.ok ? v : null;
}

/** Reader goes through JSON in memory. After an error, ok is false. */
export class Reader {
  ok: bool = true;
  constructor(public at: usize, public end: usize) {}

  blank(): void {
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return;
      this.at++;
    }
  }

  /** peek is the next byte, 0 at the end. */
  peek(): u8 {
    this.blank();
    return this.at < this.end ? load<u8>(this.at) : 0;
  }

  /** take goes past a byte that has to be there. */
  take(c: u8): void {
    if (this.peek() == c) this.at++;
    else this.ok = false;
  }

  value(depth: i32): Value {
    const c = this.peek();
    if (depth > maxDepth) this.ok = false;
    if (!this.ok) return Value.null();
    if (c == 0x22) return Value.string(this.string());
    if (c == 0x7b) return this.object(depth);
    if (c == 0x5b) return this.array(depth);
    const word = this.word();
    if (word == "null") return Value.null();
    if (word == "true" || word == "false") return Value.written(Type.Bool, word);
    if (!isNumber(word)) this.ok = false;
    return Value.written(Type.Number, word);
  }

  private object(depth: i32): Value {
    const o = Value.object();
    this.take(0x7b);
    if (this.peek() == 0x7d) {
      this.at++;
      return o;
    }
    for (;;) {
      this.blank();
      const key = this.string();
      this.take(0x3a);
      o.add(key, this.value(depth + 1));
      if (!this.ok || this.peek() != 0x2c) break;
      this.at++;
    }
    this.take(0x7d);
    return o;
  }

  private array(depth: i32): Value {
    const a = Value.array();
    this.take(0x5b);
    if (this.peek() == 0x5d) {
      this.at++;
      return a;
    }
    for (;;) {
      a.push(this.value(depth + 1));
      if (!this.ok || this.peek() != 0x2c) break;
      this.at++;
    }
    this.take(0x5d);
    return a;
  }

  /** word goes past a number or a name. */
  private word(): string {
    const start = this.at;
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c <= 0x20 || c == 0x2c || c == 0x7d || c == 0x5d || c == 0x3a || c == 0x22) break;
      this.at++;
    }
    return String.UTF8.decodeUnsafe(start, this.at - start);
  }

  /** string goes past a string, and is its text. */
  string(): string {
    this.take(0x22);
    const start = this.at;
    let escaped = false;
    while (this.ok && this.at < this.end) {
      const c = load<u8>(this.at++);
      if (c == 0x22) {
        const end = this.at - 1;
        return escaped ? this.unescape(start, end) : String.UTF8.decodeUnsafe(start, end - start);
      }
      if (c == 0x5c) {
        escaped = true;
        this.at++;
      }
    }
    this.ok = false;
    return "";
  }

  /** unescape is the text of what is in a string; what is escaped is the longer. */
  private unescape(from: usize, end: usize): string {
    const plain = heap.alloc(end - from);
    let to = plain;
    while (from < end) {
      let c: u32 = load<u8>(from++);
      if (c != 0x5c) {
        store<u8>(to++, c as u8);
        continue;
      }
      c = load<u8>(from++);
      switch (c) {
        case 0x22: case 0x5c: case 0x2f: break;
        case 0x62: { c = 0x08; break; }
        case 0x66: { c = 0x0c; break; }
        case 0x6e: { c = 0x0a; break; }
        case 0x72: { c = 0x0d; break; }
        case 0x74: { c = 0x09; break; }
        case 0x75: {
          c = this.hex4(from, end);
          from += 4;
          if ((c & 0xfc00) == 0xd800 && from + 6 <= end && load<u16>(from) == 0x755c) {
            const low = this.hex4(from + 2, end);
            if ((low & 0xfc00) == 0xdc00) {
              c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
              from += 6;
            }
          }
          break;
        }
        default: this.ok = false;
      }
      to = storeUTF8(to, c);
    }
    const text = String.UTF8.decodeUnsafe(plain, to - plain);
    heap.free(plain);
    return text;
  }

  private hex4(at: usize, end: usize): u32 {
    let n: u32 = 0;
    for (let i = 0; i < 4; i++) {
      const c: u32 = at < end ? load<u8>(at++) : 0;
      const letter = (c | 0x20) - 0x61;
      if (c - 0x30 < 10) n = n << 4 | (c - 0x30);
      else if (letter < 6) n = n << 4 | (letter + 10);
      else this.ok = false;
    }
    return n;
  }

  /** skip goes past a value. */
  skip(): void {
    let depth = 0;
    this.blank();
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c == 0x22) {
        this.skipString();
      } else if (c == 0x7b || c == 0x5b) {
        depth++;
        this.at++;
        continue;
      } else if (c == 0x7d || c == 0x5d) {
        depth--;
        this.at++;
      } else if (c == 0x2c || c == 0x3a || c <= 0x20) {
        this.at++;
        continue;
      } else {
        this.word();
      }
      if (depth <= 0) return;
    }
  }

  /** skipString goes past a string, which begins here. */
  skipString(): void {
    for (this.at++; this.at < this.end; this.at++) {
      const c = load<u8>(this.at);
      if (c == 0x5c) this.at++;
      else if (c == 0x22) {
        this.at++;
        return;
      }
    }
  }
}
