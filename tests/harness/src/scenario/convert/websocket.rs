//! Messages over a WebSocket, from the file's layer to the model.
//!
//! Who wrote the case need not know this project: the messages may go by several names and have
//! several shapes, and where there are none, one text is sent. Each must come back.

use serde_json::{Map, Value};

use super::super::format::{self, Entry};
use super::{Wrong, wrong};
use crate::exchange::Message;

/// What the list of messages may be called.
const LISTS: [&str; 10] = [
    "messages",
    "frames",
    "send",
    "sends",
    "sent",
    "exchange",
    "exchanges",
    "steps",
    "echo",
    "echoes",
];

/// Fields that say nothing which is not known: what comes back is what was sent.
const KNOWN: [&str; 10] = [
    "receive",
    "received",
    "expect",
    "expected",
    "reply",
    "replies",
    "origin",
    "note",
    "notes",
    "description",
];

const REQUEST: [&str; 9] = [
    "scheme", "host", "port", "method", "path", "headers", "protocol", "sni", "alpn",
];

/// Takes the request out of what is stated, if it is there, and gives the messages.
pub(super) fn take(stated: Value, entry: &mut Entry) -> Result<Vec<Message>, Wrong> {
    let mut fields = match stated {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(true) => Map::new(),
        _ => return wrong("websocket", "is no map"),
    };
    let mut request = Map::new();
    for name in REQUEST {
        request.extend(fields.remove_entry(name));
    }
    let request = match fields.remove("request") {
        Some(nested) => nested,
        None => Value::Object(request),
    };
    if entry.request.is_none() {
        entry.request = Some(self::request(request)?);
    }
    let mut text = |name| Some(fields.remove(name)?.as_str()?.to_owned());
    let (backend, namespace) = (text("backend"), text("namespace"));
    entry.backend = entry.backend.take().or(backend.map(Some));
    entry.namespace = entry.namespace.take().or(namespace);
    let mut answered = Map::new();
    answered.insert("statusCodes".to_owned(), vec![101].into());
    let response = match fields.remove("response") {
        Some(stated) => stated,
        None => Value::Object(answered),
    };
    if entry.response.is_none() {
        let response = serde_json::from_value(response);
        entry.response =
            Some(response.or_else(|error| wrong("websocket.response", error.to_string()))?);
    }
    let mut messages = Vec::new();
    for (name, value) in fields {
        let field = format!("websocket.{name}");
        match (LISTS.contains(&name.as_str()), value) {
            (true, Value::Bool(true)) => {}
            (true, Value::Array(list)) if !list.iter().all(Value::is_number) => {
                for (number, one) in list.into_iter().enumerate() {
                    messages.push(message(one, &format!("{field}[{number}]"))?);
                }
            }
            (true, one) => messages.push(message(one, &field)?),
            (false, _) if KNOWN.contains(&name.as_str()) => {}
            (false, _) => return wrong(&field, "is not known"),
        }
    }
    if messages.is_empty() {
        messages.push(Message::Text("gwf".to_owned()));
    }
    Ok(messages)
}

/// The suite's backend has them at `/ws`.
fn request(stated: Value) -> Result<format::Request, Wrong> {
    let stated = match stated {
        Value::Object(mut fields) => {
            let path = fields.entry("path");
            path.or_insert_with(|| "/ws".into());
            Value::Object(fields)
        }
        other => other,
    };
    serde_json::from_value(stated).or_else(|error| wrong("websocket.request", error.to_string()))
}

/// A text, a list of bytes, or a map: `{text: …}`, `{binary: …}`, `{type: binary, data: …}`,
/// `{send: …}`.
fn message(stated: Value, field: &str) -> Result<Message, Wrong> {
    let problem =
        "is no message: a text, a list of bytes, {text: …}, {binary: …} or {type: …, data: …}";
    match stated {
        Value::String(text) => Ok(Message::Text(text)),
        Value::Array(_) => binary(stated, field),
        Value::Object(mut fields) => {
            let kind = ["type", "kind", "opcode", "frame"].map(|name| fields.remove(name));
            let kind = kind.into_iter().flatten().next();
            let names = [
                "send", "sent", "data", "payload", "message", "value", "content", "text",
            ];
            let data = names
                .map(|name| fields.remove(name))
                .into_iter()
                .flatten()
                .next();
            let bytes = ["binary", "bytes"].map(|name| fields.remove(name));
            let bytes = bytes.into_iter().flatten().next();
            let is_binary = kind.is_some_and(|kind| kind == "binary" || kind == "bytes");
            match (data, bytes) {
                (Some(data), None) if is_binary => binary(data, field),
                (Some(data), None) => message(data, field),
                (None, Some(bytes)) => binary(bytes, field),
                _ => wrong(field, problem),
            }
        }
        _ => wrong(field, problem),
    }
}

/// A list of bytes, or a text whose bytes are meant: however it is encoded, it must come back.
fn binary(stated: Value, field: &str) -> Result<Message, Wrong> {
    let bytes = match stated {
        Value::String(text) => Ok(text.into_bytes()),
        list => serde_json::from_value(list),
    };
    match bytes {
        Ok(bytes) => Ok(Message::Binary(bytes)),
        Err(_) => wrong(field, "is no list of bytes"),
    }
}
