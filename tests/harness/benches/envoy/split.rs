//! Choices of `canary`. Ten in a row have a header each: one that finds its choice named already has
//! nothing to write.

use gateway_filter_modules::CANARY;

use crate::canaries::Canary;
use crate::{Subject, filtered};

pub fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (canary, what) in [
        (Canary::Sticky, "sticky by header"),
        (Canary::Guard, "sticky, a guard"),
    ] {
        for in_a_row in [1, 10] {
            let name = format!("canary × {in_a_row}, {what}");
            let mut subject = filtered(&name, in_a_row, CANARY, String::new(), 10);
            for (at, filter) in subject.proxy.filters.iter_mut().enumerate() {
                filter.configuration = canary.configuration(&format!("x-canary-{at}"));
            }
            subject.budget = (in_a_row == 10).then_some(4.0);
            subjects.push(subject);
        }
    }
    subjects
}
