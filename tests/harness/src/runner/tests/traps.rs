//! What a trap means for the cases after it.

use super::*;

/// Answers 503 once it has trapped, as Envoy does with the VM of a filter.
#[derive(Default)]
struct Trapping {
    trapped: bool,
}

impl Host for Trapping {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        self.trapped |= exchange.path == b"/trap";
        Ok(answer(if self.trapped { 503 } else { 200 }))
    }

    fn vm_failure(&mut self) -> Option<String> {
        self.trapped.then(|| "unreachable".to_owned())
    }
}

#[test]
fn a_case_after_a_trap_gets_a_fresh_vm_and_a_step_does_not() {
    let entry = |path: &str, status: u16| {
        format!(
            "- {{name: {path}, request: {{path: /{path}}}, response: {{statusCodes: [{status}]}}}}\n"
        )
    };
    let entries = [entry("trap", 503), entry("a", 200), entry("b", 200)].concat();
    for (list, expected) in [
        ("cases", [(true, None), (true, Some("trap")), (true, None)]),
        ("steps", [(true, None), (false, None), (false, None)]),
    ] {
        let mut runner = Runner::new(HostKind::Wasmtime, |_, _| Ok(Box::new(Trapping::default())));
        let outcomes = runner.run(&scenario(list, &entries));
        let got: Vec<_> = outcomes
            .iter()
            .map(|one| {
                let passed = matches!(one.verdict, Verdict::Passed);
                (passed, one.fresh_vm_after.as_deref())
            })
            .collect();
        assert_eq!(got, expected, "{list}");
    }
}
