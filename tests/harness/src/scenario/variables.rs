//! `${x}`: values that one step takes from its answer and later steps send.

use std::collections::BTreeMap;

use super::model::{Case, Requests, Trial, What};

/// Values by name.
pub(crate) type Captured = BTreeMap<String, String>;

/// Refuses a case that uses a value which no earlier one captures.
pub(super) fn check(case: Case, earlier: &[Case]) -> Result<Case, (String, String)> {
    let What::Requests(requests) = &case.what else {
        return Ok(case);
    };
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

/// Names of the values that a trial sends.
pub(crate) fn variables_of(trial: &Trial) -> Vec<String> {
    let request = &trial.request;
    [&request.host, &request.path]
        .into_iter()
        .chain(request.headers.values())
        .flat_map(|text| names(text))
        .collect()
}

/// Puts the values into what is sent, and into what the backend must see of it.
pub(crate) fn fill(requests: &mut Requests, captured: &Captured) {
    for trial in std::iter::once(&mut requests.trial).chain(&mut requests.or) {
        let request = &mut trial.request;
        put(&mut request.host, captured);
        put(&mut request.path, captured);
        request
            .headers
            .values_mut()
            .for_each(|value| put(value, captured));
        if let Some(seen) = &mut trial.expected.request {
            seen.host.iter_mut().for_each(|host| put(host, captured));
            seen.path.iter_mut().for_each(|path| put(path, captured));
            seen.headers
                .values_mut()
                .for_each(|value| put(value, captured));
        }
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
