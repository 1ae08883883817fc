import { Type, Value } from "./json";

/** maxDepth is how deep values may be nested: reading them takes stack. */
const maxDepth: i32 = 512;

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
