//! The same as json.c, with the SDK for Rust.

#[allow(dead_code)]
#[path = "../../rust/json.rs"]
mod json;

use json::Value;
use std::io::{Read, Write};

fn edit(root: &mut Value) {
    let text = root["text"].clone();
    if let (Some(Value::Array(list)), false) = (root.get_mut("list"), text.is_null()) {
        list.push(text);
    }
    if let Some(n) = root["n"].as_i64() {
        root.set("n", if n < 0 { n + 1 } else { n - 1 });
    }
    root.unset("gone");
    root.set("text", "a \"new\" one\u{1}\u{fffd}");
    root.set("added", root["kind"].as_str() == Some("chat"));
    if let Some(Value::Array(list)) = root.get_mut("list") {
        if !list.is_empty() {
            list.remove(0);
        }
    }
}

fn main() {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).unwrap();
    let mut out = std::io::stdout();
    let mut rest = &input[..];
    while rest.len() >= 4 {
        let size = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let mut value = json::parse(&rest[4..4 + size]);
        rest = &rest[4 + size..];
        let mut text = Vec::new();
        if let Some(value) = &mut value {
            if std::env::args().len() > 1 {
                edit(value);
            }
            value.write(&mut text);
        }
        out.write_all(&[value.is_some() as u8]).unwrap();
        out.write_all(&(text.len() as u32).to_le_bytes()).unwrap();
        out.write_all(&text).unwrap();
    }
}
