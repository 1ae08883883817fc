//! gate lets slash commands through, or not, by the rules of its configuration:
//!
//! ```json
//! {
//!   "rules": [
//!     {"commands": ["/stop", "/reset"], "users": ["U1"], "allow": true},
//!     {"commands": ["/stop", "/reset"], "allow": false, "reason": "Only the owner may do that."},
//!     {"channelTypes": ["email"], "allow": false}
//!   ],
//!   "userField": "senderId"
//! }
//! ```
//!
//! The first rule that fits a message decides; a list that a rule does not have
//! fits all. A command that no rule fits is let through, as is a message that is
//! no command. The user is told from the member of the content that `userField`
//! names. All comparisons but the users' ignore case.

#[macro_use]
pub mod hook;
use hook::json;
use hook::{Answer, Input, Value};

fn gate(input: Input, config: &Value) -> Answer {
    let unwrapped = unwrap(input.content());
    let content = unwrapped.as_ref().unwrap_or_else(|| input.content());
    let text = content
        .as_str()
        .or_else(|| content["text"].as_str())
        .unwrap_or("");
    let command = match command_of(text) {
        Some(command) => command,
        None => return Answer::Pass,
    };
    let user = &content[config["userField"].as_str().unwrap_or("senderId")];
    let channel = &input.root["message"]["channelType"];
    let rule = config["rules"].items().iter().find(|rule| {
        fits(&rule["commands"], |c| same(c, &command))
            && fits(&rule["channelTypes"], |c| {
                channel.as_str().map_or(false, |have| same(c, have))
            })
            && fits(&rule["users"], |u| is_user(user, u))
    });
    match rule {
        Some(rule) if rule["allow"] == Value::Bool(false) => {
            let general = || format!("The command {} is not allowed here.", command);
            Answer::Reject(rule["reason"].as_str().map_or_else(general, String::from))
        }
        _ => Answer::Pass,
    }
}

/// A content that is a string is handed on as it stands. If it holds a JSON
/// object, who reads it sees that: so must who guards it.
fn unwrap(content: &Value) -> Option<Value> {
    json::parse(content.as_str()?.as_bytes()).filter(|v| matches!(v, Value::Object(_)))
}

/// The command that a text begins with: "/stop" of "/Stop@bot now". A path, as
/// "/etc/hosts", is none.
fn command_of(text: &str) -> Option<String> {
    let space = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let word = text.trim_start_matches(space).split(space).next()?;
    let name = word.strip_prefix('/')?.split('@').next()?;
    if name.is_empty() || name.contains('/') {
        return None;
    }
    Some(format!("/{}", name.to_lowercase()))
}

fn fits(list: &Value, fit: impl Fn(&str) -> bool) -> bool {
    list.is_null() || list.items().iter().any(|v| v.as_str().map_or(false, &fit))
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Some channels number their users.
fn is_user(user: &Value, id: &str) -> bool {
    match user {
        Value::Text(have) | Value::Number(have) => have == id,
        _ => false,
    }
}

/// A rule that says something else than was meant guards nothing, so whatever
/// is not understood is refused.
fn check(config: &Value) -> Result<(), String> {
    members("the configuration", config, &["rules", "userField"])?;
    if !matches!(config["userField"], Value::Null | Value::Text(_)) {
        return Err("userField must be a text".into());
    }
    if !matches!(config["rules"], Value::Array(_)) {
        return Err("rules must be a list".into());
    }
    for (i, rule) in config["rules"].items().iter().enumerate() {
        let place = format!("rules[{}]", i);
        members(
            &place,
            rule,
            &["commands", "channelTypes", "users", "allow", "reason"],
        )?;
        for name in ["commands", "channelTypes", "users"] {
            let list = &rule[name];
            let texts = matches!(list, Value::Array(_))
                && list.items().iter().all(|v| v.as_str().is_some());
            if rule.get(name).is_some() && !texts {
                return Err(format!("{}: {} must be a list of texts", place, name));
            }
        }
        if let Some(c) = rule["commands"]
            .items()
            .iter()
            .find(|c| !c.as_str().map_or(false, |c| c.starts_with('/')))
        {
            return Err(format!(
                "{}: the command {} must begin with a slash",
                place,
                c.as_str().unwrap_or("")
            ));
        }
        if rule["allow"].as_bool().is_none() {
            return Err(format!("{}: allow must be true or false", place));
        }
        if !matches!(rule["reason"], Value::Null | Value::Text(_)) {
            return Err(format!("{}: reason must be a text", place));
        }
    }
    Ok(())
}

fn members(place: &str, value: &Value, known: &[&str]) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            match members.iter().find(|(k, _)| !known.contains(&k.as_str())) {
                Some((k, _)) => Err(format!(
                    "{} has an unknown member {}; there are {}",
                    place,
                    k,
                    known.join(", ")
                )),
                None => Ok(()),
            }
        }
        _ => Err(format!("{} must be an object", place)),
    }
}

hook! { configure: check, on_message: gate }
