//! The configuration of a guard, checked.

use super::counts::PARTS;
use super::evidence::{Level, Margin};
use crate::route::InvalidConfig;
use crate::split::spec::{BackOff, GuardSpec};
use crate::time;
use std::time::Duration;

/// gRPC has the status codes 0 (OK) to 16.
const LAST_GRPC_STATUS: u8 = 16;

/// UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS: errors of a server by
/// OpenTelemetry's semantic conventions for gRPC.
const GRPC_FAILURES: [u8; 6] = [2, 4, 12, 13, 14, 15];

/// How far a canary is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// It gets nothing.
    Zero,
    /// It gets the share of the ramp's step before.
    StepBefore,
}

/// What a guard goes by. Times are in nanoseconds.
#[derive(Debug)]
pub(super) struct Settings {
    /// Length of a bucket of the window.
    pub(super) bucket: u64,
    pub(super) level: Level,
    pub(super) failures: Margin,
    /// From which time on a response is slow.
    pub(super) slow: Option<(Duration, Margin)>,
    pub(super) depth: Depth,
    pub(super) hold: u64,
    /// Weight of the canary in a trial, and what it is a share of.
    pub(super) trial: (u32, u32),
    pub(super) trial_duration: u64,
    /// A bit for each status.
    grpc_failures: u32,
}

impl Settings {
    pub(super) fn new(spec: &GuardSpec, weight_total: u32) -> Result<Settings, InvalidConfig> {
        let window = time_of(spec.window.as_deref(), "10m", "window")?;
        if window < Duration::from_secs(1) {
            return Err(InvalidConfig::new("window", "at least 1s"));
        }
        let trial = spec.trial.clone().unwrap_or_default();
        let weight = trial.weight.unwrap_or(1);
        if weight == 0 || weight > weight_total {
            let reason = format_args!("1 to weightTotal, which is {weight_total}");
            return Err(InvalidConfig::new("trial.weight", reason));
        }
        let trial_duration = time_of(trial.duration.as_deref(), "1m", "trial.duration")?;
        let latency = spec.latency.as_ref().map(|latency| {
            let threshold = time::duration(&latency.threshold, "threshold")?;
            Ok((threshold, margin(latency.ratio, latency.floor, 0.01)?))
        });
        Ok(Settings {
            bucket: nanos(window) / u64::from(PARTS),
            level: level(spec)?,
            failures: margin(spec.ratio, spec.floor, 0.001)?,
            slow: latency
                .transpose()
                .map_err(|error: InvalidConfig| error.within("latency"))?,
            depth: match spec.back_off {
                BackOff::Zero => Depth::Zero,
                BackOff::PreviousStep => Depth::StepBefore,
            },
            hold: nanos(time_of(spec.hold.as_deref(), "5m", "hold")?),
            trial: (weight, weight_total),
            trial_duration: nanos(trial_duration),
            grpc_failures: grpc_failures(spec.grpc_failures.as_deref())?,
        })
    }

    pub(super) fn is_grpc_failure(&self, status: u8) -> bool {
        1u32.checked_shl(status.into())
            .is_some_and(|bit| self.grpc_failures & bit != 0)
    }
}

fn time_of(text: Option<&str>, default: &str, field: &str) -> Result<Duration, InvalidConfig> {
    time::duration(text.unwrap_or(default), field)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn level(spec: &GuardSpec) -> Result<Level, InvalidConfig> {
    let min_requests = spec.min_requests.unwrap_or(10);
    if min_requests == 0 {
        return Err(InvalidConfig::new("minRequests", "at least 1"));
    }
    let significance = spec.significance.unwrap_or(1e-6);
    if !(significance > 0.0 && significance <= 0.05) {
        return Err(InvalidConfig::new("significance", "above 0, at most 0.05"));
    }
    Ok(Level::new(significance, min_requests))
}

fn margin(ratio: Option<f64>, floor: Option<f64>, least: f64) -> Result<Margin, InvalidConfig> {
    let (ratio, floor) = (ratio.unwrap_or(1.5), floor.unwrap_or(least));
    if !(ratio >= 1.0 && ratio.is_finite()) {
        return Err(InvalidConfig::new("ratio", "1 or more"));
    }
    if !(0.0..1.0).contains(&floor) {
        return Err(InvalidConfig::new("floor", "0 to below 1"));
    }
    Ok(Margin { ratio, floor })
}

fn grpc_failures(statuses: Option<&[u8]>) -> Result<u32, InvalidConfig> {
    let mut bits = 0;
    for (at, &status) in statuses.unwrap_or(&GRPC_FAILURES).iter().enumerate() {
        if !(1..=LAST_GRPC_STATUS).contains(&status) {
            let field = format_args!("grpcFailures[{at}]");
            let reason = format_args!("{status}: 1 to 16, as 0 is OK");
            return Err(InvalidConfig::new(field, reason));
        }
        bits |= 1 << status;
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_is_refused_where_it_stands() {
        for (json, path) in [
            (r#"{"window": "999ms"}"#, "window"),
            (r#"{"window": "ten"}"#, "window"),
            (r#"{"minRequests": 0}"#, "minRequests"),
            (r#"{"ratio": 0.99}"#, "ratio"),
            (r#"{"floor": 1.0}"#, "floor"),
            (r#"{"floor": -0.1}"#, "floor"),
            (r#"{"significance": 0.0}"#, "significance"),
            (r#"{"significance": 0.051}"#, "significance"),
            (r#"{"grpcFailures": [14, 0]}"#, "grpcFailures[1]"),
            (r#"{"grpcFailures": [17]}"#, "grpcFailures[0]"),
            (r#"{"hold": "0s"}"#, "hold"),
            (r#"{"trial": {"weight": 101}}"#, "trial.weight"),
            (r#"{"trial": {"weight": 0}}"#, "trial.weight"),
            (r#"{"trial": {"duration": ""}}"#, "trial.duration"),
            (r#"{"latency": {"threshold": "0ms"}}"#, "latency.threshold"),
            (
                r#"{"latency": {"threshold": "1s", "ratio": 0}}"#,
                "latency.ratio",
            ),
            (
                r#"{"latency": {"threshold": "1s", "floor": 2}}"#,
                "latency.floor",
            ),
        ] {
            let spec: GuardSpec = serde_json::from_str(json).unwrap();
            let refused = Settings::new(&spec, 100).unwrap_err();
            assert_eq!(refused.path, path, "{json}: {refused}");
        }
        for number in [f64::NAN, f64::INFINITY] {
            let ratio = GuardSpec {
                ratio: Some(number),
                ..GuardSpec::default()
            };
            assert_eq!(Settings::new(&ratio, 100).unwrap_err().path, "ratio");
        }
        for number in [f64::NAN, f64::INFINITY] {
            let floor = GuardSpec {
                floor: Some(number),
                ..GuardSpec::default()
            };
            assert_eq!(Settings::new(&floor, 100).unwrap_err().path, "floor");
        }
        let significance = GuardSpec {
            significance: Some(f64::NAN),
            ..GuardSpec::default()
        };
        assert_eq!(
            Settings::new(&significance, 100).unwrap_err().path,
            "significance"
        );
    }

    #[test]
    fn the_extremes_are_allowed() {
        let json = r#"{
            "window": "1s", "minRequests": 1, "ratio": 1, "floor": 0, "significance": 0.05,
            "grpcFailures": [1, 16], "hold": "1ms", "trial": {"weight": 7, "duration": "99999h"},
            "latency": {"threshold": "1ms"}
        }"#;
        let settings = Settings::new(&serde_json::from_str(json).unwrap(), 7).unwrap();
        assert_eq!(settings.bucket, 100_000_000);
        assert_eq!(settings.trial, (7, 7));
        let failures: Vec<u8> = (0..=255)
            .filter(|&status| settings.is_grpc_failure(status))
            .collect();
        assert_eq!(failures, [1, 16]);
        let settings = Settings::new(&GuardSpec::default(), 100).unwrap();
        let failures: Vec<u8> = (0..=255)
            .filter(|&status| settings.is_grpc_failure(status))
            .collect();
        assert_eq!(failures, GRPC_FAILURES);
    }
}
