import { giveBack, room } from "./abi";
import { read } from "./reader";

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
