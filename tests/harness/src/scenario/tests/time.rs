use super::*;

const STEP: &str = "request: {path: /}\n  response: {statusCodes: [200]}\n";
const ALTERNATIVE: &str = "request: {path: /}, response: {statusCodes: [200]}";
const WEIGHTS: &str = "request: {path: /}, response: {statusCodes: [200]}, namespace: n, requests: 1, \
                       expected: {a: 1}, tolerance: 0";

#[test]
fn time_passes_in_steps_and_later_steps_need_it_virtual() {
    let scenario = loaded(&steps(&format!(
        "- {STEP}- advance: 30s\n- {STEP}- advance: 1m500ms\n  {STEP}\
         - advance: 1s\n  weights: {{{WEIGHTS}}}\n- advance: 1s\n  anyOf: [{{{ALTERNATIVE}}}]\n"
    )));
    let seen: Vec<_> = scenario
        .cases
        .iter()
        .map(|case| {
            let time = case.features.contains(&Feature::VirtualTime);
            (case.advance, matches!(case.what, What::Wait), time)
        })
        .collect();
    let half_a_minute = Some(Duration::from_secs(30));
    let second = Some(Duration::from_secs(1));
    let longer = Some(Duration::from_millis(60_500));
    assert_eq!(
        seen,
        [
            (None, false, false),
            (half_a_minute, true, true),
            (None, false, true),
            (longer, false, true),
            (second, false, true),
            (second, false, true),
        ]
    );
}

#[test]
fn time_that_cannot_pass_is_refused() {
    assert_eq!(
        refused(&one_case("  advance: 30s\n")),
        "cases.yaml:4:3: cases[0].advance: only steps follow one another in time"
    );
    let message = refused(&steps("- advance: soon\n"));
    assert!(
        message.contains("steps[0].advance: \"soon\" is no duration"),
        "{message}"
    );
}
