//! The report as JUnit XML: a suite for each scenario on each host.

use std::io::{self, Write};

use anstream::StripStream;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::text::write_details;
use super::{is_failure, text_of};
use crate::runner::{Outcome, Verdict};

/// Prints the document.
///
/// # Errors
///
/// If the stream cannot be written.
pub fn write(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("gwf replay");
    for scenario in outcomes.chunk_by(|a, b| (&a.file, a.host) == (&b.file, b.host)) {
        let Some(first) = scenario.first() else {
            continue;
        };
        let name = format!("{} on {}", first.scenario, first.host);
        let mut suite = TestSuite::new(name.clone());
        for outcome in scenario {
            let mut case = TestCase::new(outcome.case.clone(), status(&outcome.verdict)?);
            case.set_classname(name.clone());
            case.extra
                .insert("file".into(), outcome.file.display().to_string().into());
            case.extra
                .insert("line".into(), outcome.line.to_string().into());
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    let mut xml = Vec::new();
    report.serialize(&mut xml).map_err(io::Error::other)?;
    out.write_all(&xml)
}

fn status(verdict: &Verdict) -> io::Result<TestCaseStatus> {
    let (mut status, message) = match verdict {
        Verdict::Passed => return Ok(TestCaseStatus::success()),
        Verdict::Skipped { reason } => (TestCaseStatus::skipped(), reason.clone()),
        Verdict::Failed(failure) => {
            let fields: Vec<_> = failure
                .mismatches
                .iter()
                .map(|found| found.field.as_str())
                .collect();
            let message = format!("{} not as expected", fields.join(", "));
            (
                TestCaseStatus::non_success(NonSuccessKind::Failure),
                message,
            )
        }
        Verdict::Error { message, .. } => (
            TestCaseStatus::non_success(NonSuccessKind::Error),
            message.clone(),
        ),
    };
    status.set_message(message);
    if is_failure(verdict) {
        let mut details = StripStream::new(Vec::new());
        write_details(verdict, &mut details)?;
        status.set_description(text_of(&details.into_inner()));
    }
    Ok(status)
}
