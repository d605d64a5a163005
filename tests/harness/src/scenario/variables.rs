//! `${x}`: values that one step takes from its answer and later steps send; `${n}`: the number of
//! the request; `{UUID}`: a value that no other request has.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::model::{Case, Requests, Trial, What};

/// Numbers the requests of a case, from 1: a client each.
const NUMBER: &str = "n";

/// What stands for a fresh value.
const UUID: &str = "{UUID}";

/// Values by name.
pub(crate) type Captured = BTreeMap<String, String>;

/// Refuses a case that uses a value which no earlier one captures, or captures one as what is none.
pub(super) fn check(case: Case, earlier: &[Case]) -> Result<Case, (String, String)> {
    let requests = match &case.what {
        What::Requests(requests) => requests,
        What::Weights(weights) => {
            return match variables_of(&weights.trial).into_iter().next() {
                Some(name) => Err(("weights.request".to_owned(), unnumbered(&name))),
                None => Ok(case),
            };
        }
        What::Mirrors(mirrors) => {
            return match variables_of(&mirrors.trial).into_iter().next() {
                Some(name) => Err(("mirrorDistribution.request".to_owned(), unnumbered(&name))),
                None => Ok(case),
            };
        }
        What::Wait | What::Unjudged => return Ok(case),
    };
    if requests.capture.contains_key(NUMBER) {
        let problem = "stands for the number of the request".to_owned();
        return Err((format!("capture.{NUMBER}"), problem));
    }
    let captures = |case: &Case, name: &str| match &case.what {
        What::Requests(requests) => requests.capture.contains_key(name),
        _ => false,
    };
    for name in requests.trials().flat_map(variables_of) {
        if !earlier.iter().any(|case| captures(case, &name)) {
            let problem = format!("no earlier step captures ${{{name}}}");
            return Err(("request".to_owned(), problem));
        }
    }
    Ok(case)
}

fn unnumbered(name: &str) -> String {
    format!("only ${{{NUMBER}}}, the number of the request, is known here, and no ${{{name}}}")
}

/// Names of the captured values that a trial sends.
pub(crate) fn variables_of(trial: &Trial) -> Vec<String> {
    let request = &trial.request;
    [&request.host, &request.path]
        .into_iter()
        .chain(request.headers.values())
        .flat_map(|text| names(text))
        .filter(|name| name != NUMBER)
        .collect()
}

/// Puts the values into what is sent, and into what the backend must see of it.
pub(crate) fn fill(requests: &mut Requests, captured: &Captured) {
    for trial in std::iter::once(&mut requests.trial).chain(&mut requests.or) {
        fill_trial(trial, captured);
    }
}

/// The trial as its request with this number is sent, with a fresh value for `{UUID}`.
pub(crate) fn numbered(trial: &Trial, number: u32) -> Cow<'_, Trial> {
    let request = &trial.request;
    let texts = [&request.host, &request.path]
        .into_iter()
        .chain(request.headers.values());
    let variable = format!("${{{NUMBER}}}");
    let is_variable = |text: &String| text.contains(&variable) || text.contains(UUID);
    if !texts.into_iter().any(is_variable) {
        return Cow::Borrowed(trial);
    }
    let mut trial = trial.clone();
    let number = [(NUMBER.to_owned(), number.to_string())];
    fill_trial(&mut trial, &number.into());
    let fresh = uuid();
    for_each_text(&mut trial, |text| *text = text.replace(UUID, &fresh));
    Cow::Owned(trial)
}

/// A value that no other request has, in the form of a UUID (version 4).
pub(crate) fn uuid() -> String {
    let version = 0x4000 | u128::from(fastrand::u16(..0x1000));
    let variant = 0x8000 | u128::from(fastrand::u16(..0x4000));
    let (first, second) = (fastrand::u32(..), fastrand::u16(..));
    let last = fastrand::u64(..1 << 48);
    format!("{first:08x}-{second:04x}-{version:04x}-{variant:04x}-{last:012x}")
}

fn fill_trial(trial: &mut Trial, values: &Captured) {
    for_each_text(trial, |text| put(text, values));
}

/// What is sent, and what the backend must see of it.
fn for_each_text(trial: &mut Trial, change: impl Fn(&mut String)) {
    let request = &mut trial.request;
    change(&mut request.host);
    change(&mut request.path);
    request.headers.values_mut().for_each(&change);
    if let Some(seen) = &mut trial.expected.request {
        seen.host.iter_mut().for_each(&change);
        seen.path.iter_mut().for_each(&change);
        seen.headers.values_mut().for_each(&change);
    }
}

fn put(text: &mut String, captured: &Captured) {
    for name in names(text) {
        if let Some(value) = captured.get(&name) {
            *text = text.replace(&format!("${{{name}}}"), value);
        }
    }
}

fn names(text: &str) -> Vec<String> {
    text.split("${")
        .skip(1)
        .filter_map(|after| after.split_once('}'))
        .map(|(name, _)| name.to_owned())
        .collect()
}
