//! An explanation for people. Styles are written always; the stream drops them where they don't belong.

mod matches;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use self::matches::{first, near_miss, runner_up, shadowed, winner};
use super::facts::{
    AnswerFacts, BackendFacts, CanaryFacts, Change, ConditionFacts, Explanation, FilterFacts,
    LimitFacts, ListenerFacts, ListenerName, RequestFacts, ServiceCall, SourceLocation,
};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Characters of a body that are shown.
const BODY: usize = 200;

/// Prints the sections that there is something to say in: Request, Listener, Match, Runners-up, Near
/// misses, Shadowed, Filters, Limits, Canary, Backend, Answer.
///
/// # Errors
///
/// If the stream cannot be written.
pub fn write(explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    section("Request", &request(&explanation.request), out)?;
    let gateway = &explanation.gateway;
    section("Listener", &listener(&explanation.listener, gateway), out)?;
    if explanation.listener.chosen.is_some() {
        section("Match", &winner(explanation), out)?;
    }
    let runners_up = explanation.runners_up.iter().map(runner_up);
    section("Runners-up", &first(runners_up.collect()), out)?;
    let near = explanation.near_misses.iter().map(near_miss);
    section("Near misses", &near.flatten().collect::<Vec<_>>(), out)?;
    let shadows = explanation.shadowed.iter().map(shadowed);
    section("Shadowed", &first(shadows.collect()), out)?;
    let filters = explanation.filters.iter().flat_map(filter);
    let left = explanation.left_to_envoy.join(", ");
    let left = (!left.is_empty()).then(|| format!("left to Envoy: {left}"));
    section("Filters", &filters.chain(left).collect::<Vec<_>>(), out)?;
    let limits = explanation.limits.iter().flat_map(limit);
    let calls = explanation.asked_of_service.iter().flat_map(service_call);
    section("Limits", &limits.chain(calls).collect::<Vec<_>>(), out)?;
    let canary = explanation.canary.as_ref().map(canary);
    section("Canary", &canary.unwrap_or_default(), out)?;
    let backend = explanation.backend.iter().flat_map(backend);
    let conditions = explanation.conditions.iter();
    let conditions = conditions.filter(|one| !is_of_share(one, explanation));
    let backend = backend.chain(conditions.map(condition));
    section("Backend", &backend.collect::<Vec<_>>(), out)?;
    section("Answer", &answers(explanation), out)
}

/// Lines under a label, aligned; nothing if there are none.
fn section(label: &str, lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    for (index, line) in lines.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(out, "{BOLD}{label:12}{BOLD:#}{line}")?;
    }
    Ok(())
}

fn request(request: &RequestFacts) -> Vec<String> {
    let RequestFacts {
        method,
        scheme,
        authority,
        path,
        ..
    } = request;
    let times = match request.times {
        0 | 1 => String::new(),
        times => format!(", {times} times; what follows is of the last"),
    };
    let mut lines = vec![format!("{method} {scheme}://{authority}{path}{times}")];
    let headers = request.headers.iter();
    lines.extend(headers.map(|header| format!("{}: {}", header.name, header.value)));
    lines.push(format!("from {} at {}", request.client, request.at));
    lines
}

fn listener(facts: &ListenerFacts, gateway: &str) -> Vec<String> {
    let name = |listener: &ListenerName| {
        let ListenerName {
            name,
            port,
            protocol,
            hostname,
            place,
        } = listener;
        let hostname = if hostname == "*" {
            "every host"
        } else {
            hostname
        };
        let place = placed(place.as_ref());
        format!("{name} (port {port}, {protocol}, {hostname}){place}")
    };
    let mut lines = match &facts.chosen {
        Some(chosen) => vec![name(chosen), format!("because it is {}", facts.because)],
        None => vec![format!(
            "{RED}none of Gateway {gateway}{RED:#}: {}",
            facts.because
        )],
    };
    let others = facts.others.iter();
    lines.extend(others.map(|other| format!("not {}: {}", other.listener.name, other.because)));
    lines
}

fn filter(facts: &FilterFacts) -> Vec<String> {
    let replied = if facts.replied { ": answers" } else { "" };
    let mut lines = vec![format!("{}{replied}", facts.name)];
    for filter in &facts.route_filters {
        lines.push(format!(
            "  {}{}",
            filter.r#type,
            placed(Some(&filter.place))
        ));
    }
    for (what, changes) in [("request", &facts.request), ("response", &facts.response)] {
        lines.extend(
            changes
                .iter()
                .map(|change| format!("  {what:8}  {}", changed(change))),
        );
    }
    if lines.len() == 1 && !facts.replied {
        lines = vec![format!("{}: changes nothing", facts.name)];
    }
    lines
}

fn changed(change: &Change) -> String {
    let Change {
        name,
        before,
        after,
    } = change;
    match (before, after) {
        (None, Some(after)) => format!("{GREEN}+ {name}: {after}{GREEN:#}"),
        (Some(before), None) => format!("{RED}- {name}: {before}{RED:#}"),
        (Some(before), Some(after)) => format!("{YELLOW}~ {name}: {before} -> {after}{YELLOW:#}"),
        (None, None) => name.clone(),
    }
}

fn limit(facts: &LimitFacts) -> Vec<String> {
    let LimitFacts {
        policy,
        rule,
        requests,
        unit,
        remaining,
        reset_seconds,
        ..
    } = facts;
    let burst = match facts.burst == u64::from(*requests) {
        true => String::new(),
        false => format!(", {} at once", facts.burst),
    };
    let style = if *remaining == 0 { RED } else { GREEN };
    let reset = match reset_seconds {
        0 => String::new(),
        seconds => format!(", the next in {seconds} s"),
    };
    let shadow = if facts.shadow_mode {
        ", not enforced"
    } else {
        ""
    };
    let place = placed(facts.place.as_ref());
    let mut lines = vec![
        format!("{policy}: {rule}{place}"),
        format!("  {requests} per {unit}{burst}: {style}{remaining} left{style:#}{reset}{shadow}"),
    ];
    lines.extend(facts.of.iter().map(|of| format!("  {of}")));
    lines
}

fn service_call(call: &ServiceCall) -> Vec<String> {
    let ServiceCall {
        cluster, domain, ..
    } = call;
    let mut lines = vec![
        format!("counted by the rate limit service, cluster {cluster}, domain {domain}"),
        "  not asked here: it is taken to have room".to_owned(),
    ];
    lines.extend(call.descriptors.iter().map(|descriptor| {
        let entries = descriptor.entries.iter();
        let entries: Vec<String> = entries
            .map(|(key, value)| format!("({key}, {value})"))
            .collect();
        let limit = descriptor.limit.as_ref().map(|limit| format!(": {limit}"));
        format!("  {}{}", entries.join(" "), limit.unwrap_or_default())
    }));
    lines
}

fn canary(facts: &CanaryFacts) -> Vec<String> {
    let mut lines = vec![format!("{}{}", facts.name, placed(facts.place.as_ref()))];
    lines.push(match facts.percent {
        Some(percent) => format!("  share {percent} %, {}", facts.plan),
        None => format!("  {}", facts.plan),
    });
    let side = facts.side.as_ref().map(|side| format!("{side} "));
    lines.push(format!(
        "  {}by {}",
        side.unwrap_or_default(),
        facts.because
    ));
    lines
}

fn backend(facts: &BackendFacts) -> Vec<String> {
    let mut lines = match &facts.chosen {
        Some(chosen) => vec![format!("{GREEN}{chosen}{GREEN:#}, {}", facts.because)],
        None => vec![facts.because.clone()],
    };
    let one_is_all = facts.chosen.is_some() && facts.shares.len() == 1;
    for share in facts.shares.iter().filter(|_| !one_is_all) {
        lines.push(format!("  {:>7} %  {}", share.percent, share.backend));
        lines.extend(share.invalid.as_ref().map(|invalid| {
            format!(
                "{:13}{RED}answered 500{RED:#}: {}",
                "",
                condition_text(invalid)
            )
        }));
    }
    lines
}

fn is_of_share(condition: &ConditionFacts, explanation: &Explanation) -> bool {
    let shares = explanation
        .backend
        .iter()
        .flat_map(|backend| &backend.shares);
    let mut invalid = shares.filter_map(|share| share.invalid.as_ref());
    invalid.any(|invalid| invalid == condition)
}

fn condition(facts: &ConditionFacts) -> String {
    format!("{RED}refused{RED:#}: {}", condition_text(facts))
}

fn condition_text(facts: &ConditionFacts) -> String {
    let ConditionFacts {
        condition,
        message,
        place,
        ..
    } = facts;
    format!("{condition}: {message}{}", placed(Some(place)))
}

fn answers(explanation: &Explanation) -> Vec<String> {
    match explanation.answers.as_slice() {
        [only] => {
            let mut lines = vec![answer(only)];
            let headers = only.headers.iter();
            let headers = headers
                .filter(|header| !["content-length", "grpc-status"].contains(&&*header.name));
            lines.extend(headers.map(|header| format!("{}: {}", header.name, header.value)));
            let body: String = only.body.chars().take(BODY).collect();
            lines.extend(body.lines().map(str::to_owned));
            lines
        }
        several => {
            let numbered = several.iter().enumerate();
            let lines = numbered.map(|(number, one)| {
                let headers = one.headers.iter().filter(|header| is_figure(&header.name));
                let headers: Vec<String> = headers
                    .map(|header| format!("{}: {}", header.name, header.value))
                    .collect();
                format!(
                    "{:>3}  {}  {DIM}{}{DIM:#}",
                    number + 1,
                    answer(one),
                    headers.join(", ")
                )
            });
            lines.map(|line| line.trim_end().to_owned()).collect()
        }
    }
}

/// What differs between the answers to one request.
fn is_figure(header: &str) -> bool {
    matches!(header, "x-ratelimit-remaining" | "retry-after")
}

fn answer(facts: &AnswerFacts) -> String {
    let Some(status) = facts.status else {
        return format!("{RED}none{RED:#}");
    };
    let style = match status {
        500.. => RED,
        400.. => YELLOW,
        _ => GREEN,
    };
    let from = facts.backend.as_deref().unwrap_or("the gateway");
    let grpc = facts.grpc_status.as_ref();
    let grpc = grpc
        .map(|status| format!(", grpc-status {status},"))
        .unwrap_or_default();
    format!("{style}{status}{style:#}{grpc} from {from}")
}

fn placed(place: Option<&SourceLocation>) -> String {
    place.map_or_else(String::new, |place| format!("  {DIM}{place}{DIM:#}"))
}
