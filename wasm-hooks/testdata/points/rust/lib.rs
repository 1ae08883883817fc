//! A hook that gives each answer at each point, told by what it is called with.

#[macro_use]
pub mod hook;
use hook::{log, Answer, Input, Level, Value};

fn why(config: &Value) -> String {
    config["why"].as_str().unwrap_or("no reason").into()
}

fn check(config: &Value) -> Result<(), String> {
    match config["why"] {
        Value::Null | Value::Text(_) => Ok(()),
        _ => Err("why must be a text".into()),
    }
}

fn content(input: Input, config: &Value) -> Answer {
    log(Level::Info, "called");
    match input.text() {
        "pass" => Answer::Pass,
        "drop" => Answer::Drop,
        "reject" => Answer::Reject(why(config)),
        "fail" => panic!("on purpose"),
        "list" => Answer::Replace(vec![Value::Null, input.into_content()].into()),
        text => {
            let text = format!("was: {}", text);
            input.replace_text(text)
        }
    }
}

fn attachment(mut input: Input, config: &Value) -> Answer {
    match input.root["attachment"]["name"].as_str() {
        Some("rename") => Answer::ReplaceAttachment {
            bytes: None,
            name: Some("renamed".into()),
            mime_type: Some("text/plain".into()),
        },
        Some("remove") => Answer::RemoveAttachment,
        Some("reject") => Answer::Reject(why(config)),
        Some("pass") => Answer::Pass,
        _ => {
            input.bytes.reverse();
            Answer::ReplaceAttachment {
                bytes: Some(input.bytes),
                name: None,
                mime_type: None,
            }
        }
    }
}

fn session(input: Input, config: &Value) -> Answer {
    let session = &input.root["session"];
    let mut labels: Vec<String> = session["labels"]
        .items()
        .iter()
        .filter_map(|l| l.as_str())
        .map(String::from)
        .collect();
    if labels.is_empty() {
        return Answer::Reject(why(config));
    }
    labels.extend(session["channelType"].as_str().map(String::from));
    Answer::Label(labels)
}

hook! { configure: check, on_message: content, on_reply: content, on_attachment: attachment, on_session: session }
