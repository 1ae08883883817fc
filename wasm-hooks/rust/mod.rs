//! Twinbox's SDK for hooks in Rust. A hook is a function from an input to an
//! answer:
//!
//! ```ignore
//! #[macro_use]
//! pub mod hook;
//! use hook::{Answer, Input, Value};
//!
//! fn hello(input: Input, _config: &Value) -> Answer {
//!     input.replace_text("hello")
//! }
//! hook! { on_message: hello }
//! ```
//!
//! A panic fails the call; the error has its text.

pub mod json;
pub use json::Value;

use std::cell::RefCell;

/// What a hook is called with.
pub struct Input {
    /// The JSON of docs/hooks/abi.md, an object: its members are
    /// `input.root["message"]` and so on.
    pub root: Value,
    /// An attachment's bytes.
    pub bytes: Vec<u8>,
}

impl Input {
    /// The content of the message or reply.
    pub fn content(&self) -> &Value {
        &self.root[self.carrier()]["content"]
    }

    /// The same, to be changed and answered with.
    pub fn into_content(mut self) -> Value {
        let carrier = self.carrier();
        match self
            .root
            .get_mut(carrier)
            .and_then(|m| m.get_mut("content"))
        {
            Some(content) => std::mem::replace(content, Value::Null),
            None => Value::Null,
        }
    }

    /// A content that is a string, or its member "text"; "" if there is none.
    pub fn text(&self) -> &str {
        let content = self.content();
        content
            .as_str()
            .or_else(|| content["text"].as_str())
            .unwrap_or("")
    }

    /// Answers with the content as it is but for its text.
    pub fn replace_text(self, text: impl Into<Value>) -> Answer {
        let mut content = self.into_content();
        match content {
            Value::Object(_) => content.set("text", text),
            _ => content = text.into(),
        }
        Answer::Replace(content)
    }

    fn carrier(&self) -> &'static str {
        if self.root["reply"].is_null() {
            "message"
        } else {
            "reply"
        }
    }
}

/// What a hook wants done. `Drop` and `Replace` are for messages and replies,
/// `Reject` is for all.
pub enum Answer {
    Pass,
    Drop,
    /// The sender is told the reason.
    Reject(String),
    /// The new content.
    Replace(Value),
    /// A session's labels.
    Label(Vec<String>),
    /// An attachment's new bytes, name, type; `None` keeps each.
    ReplaceAttachment {
        bytes: Option<Vec<u8>>,
        name: Option<String>,
        mime_type: Option<String>,
    },
    RemoveAttachment,
}

#[derive(Clone, Copy)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[link(wasm_import_module = "engine")]
extern "C" {
    #[link_name = "log"]
    fn host_log(level: i32, text: *const u8, length: usize);
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    fn fd_write(file: i32, parts: *const usize, count: usize, written: *mut usize) -> i32;
}

/// Writes to standard error, from which the host takes why a call failed.
fn complain(text: &str) {
    let text = text.replace('\n', " ") + "\n";
    let mut written = 0;
    // SAFETY: the host reads one part and the text while both are borrowed.
    unsafe {
        fd_write(
            2,
            [text.as_ptr() as usize, text.len()].as_ptr(),
            1,
            &mut written,
        )
    };
}

pub fn log(level: Level, text: &str) {
    // SAFETY: the host reads the text while it is borrowed.
    unsafe { host_log(level as i32, text.as_ptr(), text.len()) }
}

/// Makes functions the handlers of points: `hook! { on_message: f, on_session: g }`.
/// `configure: check`, which comes first, names a function that is given the
/// configuration once and may refuse it: such a hook is not installed.
#[macro_export]
macro_rules! hook {
    (configure: $check:expr, $($point:ident: $handler:expr),+ $(,)?) => {
        #[no_mangle]
        pub extern "C" fn hook_init(_: usize, length: usize) -> u64 {
            $crate::hook::init($check, length)
        }
        $(
            #[no_mangle]
            pub extern "C" fn $point(_: usize, length: usize) -> u64 {
                $crate::hook::run($handler, stringify!($point) == "on_attachment", length)
            }
        )+
    };
    ($($point:ident: $handler:expr),+ $(,)?) => {
        hook! { configure: |_| Ok(()), $($point: $handler),+ }
    };
}

/// What an instance keeps between the calls of the host, which calls one at a
/// time.
struct State {
    input: Vec<u8>,
    answer: Vec<u8>,
    config: Value,
    ready: bool,
}

thread_local! {
    static STATE: RefCell<State> = const {
        RefCell::new(State {
            input: Vec::new(),
            answer: Vec::new(),
            config: Value::Null,
            ready: false,
        })
    };
}

#[no_mangle]
pub extern "C" fn hook_abi_version() -> i32 {
    1
}

#[no_mangle]
pub extern "C" fn hook_alloc(size: usize) -> *mut u8 {
    STATE.with(|s| {
        let mut s = s.borrow_mut();
        if !s.ready {
            s.ready = true;
            std::panic::set_hook(Box::new(|panic| complain(&panic.to_string())));
        }
        s.input = vec![0; size];
        s.input.as_mut_ptr()
    })
}

#[no_mangle]
pub extern "C" fn hook_done() {
    STATE.with(|s| s.borrow_mut().answer = Vec::new());
}

/// The input that the host has put where `hook_alloc` said.
fn take_input(length: usize) -> Vec<u8> {
    let mut input = STATE.with(|s| std::mem::take(&mut s.borrow_mut().input));
    assert!(
        length <= input.len(),
        "the input is longer than what was allocated"
    );
    input.truncate(length);
    input
}

fn give(answer: Vec<u8>) -> u64 {
    let packed = (answer.as_ptr() as u64) << 32 | answer.len() as u64;
    STATE.with(|s| s.borrow_mut().answer = answer);
    packed
}

pub fn init(check: impl FnOnce(&Value) -> Result<(), String>, length: usize) -> u64 {
    let config = json::parse(&take_input(length)).expect("the configuration is not JSON");
    if let Err(problem) = check(&config) {
        return give(problem.into_bytes());
    }
    STATE.with(|s| s.borrow_mut().config = config);
    0
}

pub fn run(handler: impl FnOnce(Input, &Value) -> Answer, framed: bool, length: usize) -> u64 {
    let mut text = take_input(length);
    let mut bytes = Vec::new();
    if framed {
        bytes = split_frame(&mut text);
    }
    let root = json::parse(&text).expect("the input is not JSON");
    let config = STATE.with(|s| std::mem::replace(&mut s.borrow_mut().config, Value::Null));
    let answer = handler(Input { root, bytes }, &config);
    STATE.with(|s| s.borrow_mut().config = config);
    match answer.into_json() {
        None => 0,
        Some((json, bytes)) => {
            let mut out = Vec::new();
            if framed {
                out.extend_from_slice(&[0; 4]);
            }
            json.write(&mut out);
            if framed {
                let length = (out.len() - 4) as u32;
                out[..4].copy_from_slice(&length.to_le_bytes());
                out.extend_from_slice(&bytes);
            }
            give(out)
        }
    }
}

/// Leaves the JSON of an attachment's input, which is preceded by its length in
/// 4 bytes, little-endian, and returns the bytes after it.
fn split_frame(text: &mut Vec<u8>) -> Vec<u8> {
    assert!(text.len() >= 4, "the input has no frame");
    let bytes_at = 4 + u32::from_le_bytes([text[0], text[1], text[2], text[3]]) as usize;
    assert!(
        bytes_at >= 4 && bytes_at <= text.len(),
        "the input's frame is longer than the input"
    );
    let bytes = text.split_off(bytes_at);
    text.drain(..4);
    bytes
}

impl Answer {
    fn into_json(self) -> Option<(Value, Vec<u8>)> {
        let action = |name: &str| {
            let mut json = Value::object();
            json.set("action", name);
            json
        };
        let mut replace = action("replace");
        let json = match self {
            Answer::Pass => return None,
            Answer::Drop => action("drop"),
            Answer::RemoveAttachment => action("remove"),
            Answer::Reject(reason) => {
                let mut json = action("reject");
                json.set("reason", reason);
                json
            }
            Answer::Replace(content) => {
                replace.set("content", content);
                replace
            }
            Answer::Label(labels) => {
                replace.set(
                    "labels",
                    labels.into_iter().map(Value::from).collect::<Vec<_>>(),
                );
                replace
            }
            Answer::ReplaceAttachment {
                bytes,
                name,
                mime_type,
            } => {
                replace.set("bytes", if bytes.is_some() { "replace" } else { "keep" });
                for (key, text) in [("name", name), ("mimeType", mime_type)] {
                    if let Some(text) = text {
                        replace.set(key, text);
                    }
                }
                return Some((replace, bytes.unwrap_or_default()));
            }
        };
        Some((json, Vec::new()))
    }
}
