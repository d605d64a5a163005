//! `${x}`: values that one step takes from its answer and later steps send; `${n}`: the number of
//! the request.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::model::{Case, Requests, Trial, What};

/// Numbers the requests of a case, from 1: a client each.
const NUMBER: &str = "n";

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
    format!("weights know ${{{NUMBER}}}, the number of the request, and no ${{{name}}}")
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

/// The trial with the number of its request.
pub(crate) fn numbered(trial: &Trial, number: u32) -> Cow<'_, Trial> {
    let request = &trial.request;
    let mut texts = [&request.host, &request.path]
        .into_iter()
        .chain(request.headers.values());
    let variable = format!("${{{NUMBER}}}");
    if !texts.any(|text| text.contains(&variable)) {
        return Cow::Borrowed(trial);
    }
    let mut trial = trial.clone();
    let number = [(NUMBER.to_owned(), number.to_string())];
    fill_trial(&mut trial, &number.into());
    Cow::Owned(trial)
}

fn fill_trial(trial: &mut Trial, values: &Captured) {
    let request = &mut trial.request;
    put(&mut request.host, values);
    put(&mut request.path, values);
    request
        .headers
        .values_mut()
        .for_each(|value| put(value, values));
    if let Some(seen) = &mut trial.expected.request {
        seen.host.iter_mut().for_each(|host| put(host, values));
        seen.path.iter_mut().for_each(|path| put(path, values));
        seen.headers
            .values_mut()
            .for_each(|value| put(value, values));
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
