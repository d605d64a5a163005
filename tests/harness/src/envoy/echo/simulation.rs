//! A backend that waits, or that fails at first.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::exchange::{FailWith, Simulation};

/// Request header that asks for it.
pub(in crate::envoy) const SIMULATION: &str = "x-echo-simulation";

/// Its value: JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    /// Of the client's request: all attempts at it have the same.
    id: u128,
    simulation: Simulation,
}

/// The value that asks for `simulation`, fresh for each request; none where nothing is asked for.
pub(in crate::envoy) fn header(simulation: &Simulation) -> Option<String> {
    if *simulation == Simulation::default() {
        return None;
    }
    let asked = Asked {
        id: fastrand::u128(..),
        simulation: simulation.clone(),
    };
    serde_json::to_string(&asked).ok()
}

/// How often each request was attempted, by Service and request.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<(String, u128), u32>>);

impl Attempts {
    /// Waits as asked for, and says how the attempt fails, if it does.
    pub(super) async fn simulate(&self, service: &str, head: &Parts) -> Option<FailWith> {
        let Some(asked) = asked(head) else {
            // As the suite's backend does on its own account.
            wait(query_delay(head.uri.query().unwrap_or_default())).await;
            return None;
        };
        if let Some(failing) = asked.simulation.failing
            && self.count((service.to_owned(), asked.id)) <= failing.attempts
        {
            wait(Some(failing.after)).await;
            return Some(failing.with);
        }
        wait(asked.simulation.delay).await;
        None
    }

    /// The number of this attempt, from 1.
    fn count(&self, request: (String, u128)) -> u32 {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = attempts.entry(request).or_default();
        *number = number.saturating_add(1);
        *number
    }
}

async fn wait(duration: Option<Duration>) {
    if let Some(duration) = duration {
        tokio::time::sleep(duration).await;
    }
}

fn asked(head: &Parts) -> Option<Asked> {
    serde_json::from_slice(head.headers.get(SIMULATION)?.as_bytes()).ok()
}

/// `delay=1s`.
fn query_delay(query: &str) -> Option<Duration> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, delay) = pairs.find(|(name, _)| *name == "delay")?;
    let delay: gateway_api::Duration = delay.parse().ok()?;
    Some(Duration::new(delay.as_secs(), delay.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::exchange::Failing;

    fn head(path: &str, value: Option<String>) -> Parts {
        let request = Request::get(path);
        let request = match value {
            Some(value) => request.header(SIMULATION, value),
            None => request,
        };
        request.body(()).unwrap().into_parts().0
    }

    fn simulated(attempts: &Attempts, head: &Parts) -> Option<FailWith> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(attempts.simulate("v1", head))
    }

    #[test]
    fn the_first_attempts_at_each_request_fail() {
        let simulation = Simulation {
            delay: None,
            failing: Some(Failing {
                attempts: 2,
                with: FailWith::Status(500),
                after: Duration::ZERO,
            }),
        };
        let attempts = Attempts::default();
        for _ in 0..2 {
            let request = head("/", header(&simulation));
            let outcomes = [(); 4].map(|()| simulated(&attempts, &request));
            let failed = Some(FailWith::Status(500));
            assert_eq!(outcomes, [failed, failed, None, None]);
        }
    }

    #[test]
    fn nothing_is_asked_for_where_nothing_is_simulated() {
        assert_eq!(header(&Simulation::default()), None);
        assert_eq!(simulated(&Attempts::default(), &head("/", None)), None);
        let garbage = head("/", Some("{}".into()));
        assert_eq!(simulated(&Attempts::default(), &garbage), None);
    }

    #[test]
    fn the_query_may_ask_for_a_delay() {
        let delay = |query| query_delay(query);
        assert_eq!(delay("delay=1s"), Some(Duration::from_secs(1)));
        assert_eq!(
            delay("a=b&delay=1m500ms"),
            Some(Duration::from_millis(60_500))
        );
        assert_eq!(
            ["", "delay", "delay=", "delay=soon", "delays=1s"].map(delay),
            [None; 5]
        );
    }
}
