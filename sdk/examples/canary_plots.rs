//! `just canary-plots`: what a guard finds and how quickly, by the simulation that the tests use too,
//! written into a file between two marks.

#[path = "../tests/guard/simulation.rs"]
mod simulation;

use gateway_filter_sdk::route::InvalidConfig;
use simulation::{BackedOff, Failing, Found, HEALTHY, Setup, Simulation};
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

const BEGIN: &str = "<!-- just canary-plots -->\n";
const END: &str = "<!-- until here -->";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Failing, of 1.
const RATES: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: canary_plots FILE")?;
    let text = std::fs::read_to_string(&path)?;
    let marks = text.split_once(BEGIN).zip(text.split_once(END));
    let ((before, _), (_, after)) = marks.ok_or("the file lacks the marks")?;
    let mut out = String::new();
    found(&mut out)?;
    false_alarms(&mut out)?;
    recovery(&mut out)?;
    std::fs::write(&path, format!("{before}{BEGIN}{out}{END}{after}"))?;
    Ok(())
}

/// How quickly a canary is found out, that fails from the beginning or after ten minutes of health.
fn found(out: &mut String) -> Result<(), Box<dyn Error>> {
    out.push_str(
        "\n| requests/s | canary fails | found | time to back off | canary requests until then | requests hurt |\n\
         |---|---|---|---|---|---|\n",
    );
    let mut hurt = Vec::new();
    for rate in [10, 1_000] {
        let setup = Setup::new(rate);
        let mut medians = Vec::new();
        for canary in RATES {
            let found = runs(&setup, 200, Duration::ZERO, canary)?;
            row(out, rate, &format!("{} %", canary * 100.0), &found)?;
            medians.push(
                found
                    .spread(|run| run.hurt as f64)
                    .map_or(0.0, |spread| spread.0),
            );
        }
        let count = if rate == 10 { 200 } else { 50 };
        let sudden = runs(&setup, count, 10 * MINUTE, 0.5)?;
        row(out, rate, "50 %, after 10 healthy minutes", &sudden)?;
        // Of the last rate, at which all are found.
        hurt = medians;
    }
    let percent = RATES.map(|rate| (rate * 100.0).to_string());
    writeln!(
        out,
        "\nMedian, then in brackets the largest of all runs; a canary with 10 % and a stable that fails \
         0.1 %.\n\n\
         ```mermaid\nxychart-beta\n    title \"Requests hurt until the canary is off, median at 1,000/s\"\n    \
         x-axis \"canary fails, %\" [{}]\n    y-axis \"requests\" 0 --> 50\n    bar {:?}\n```\n",
        percent.join(", "),
        hurt,
    )?;
    Ok(())
}

fn runs(setup: &Setup, count: u64, healthy: Duration, canary: f64) -> Result<Found, InvalidConfig> {
    let limit = if setup.rate == 10 { 60 } else { 10 } * MINUTE;
    Found::new(setup, count, healthy, Failing { canary, ..HEALTHY }, limit)
}

fn row(out: &mut String, rate: u64, what: &str, found: &Found) -> std::fmt::Result {
    let (count, of) = (found.count(), found.of);
    write!(out, "| {rate} | {what} | {count} of {of} | ")?;
    let figures: [fn(&BackedOff) -> f64; 3] = [
        |run| run.after.as_secs_f64(),
        |run| run.sent as f64,
        |run| run.hurt as f64,
    ];
    for ((figure, unit), end) in figures
        .iter()
        .zip([" s", "", ""])
        .zip([" | ", " | ", " |\n"])
    {
        match found.spread(figure) {
            Some((median, most)) if !unit.is_empty() => {
                write!(out, "{median:.1}{unit} ({most:.1}{unit}){end}")?;
            }
            Some((median, most)) => write!(out, "{median} ({most}){end}")?,
            None => write!(out, "-{end}")?,
        }
    }
    Ok(())
}

/// How often a canary is backed off that is no worse.
fn false_alarms(out: &mut String) -> Result<(), Box<dyn Error>> {
    out.push_str(
        "| runs that back off though the canary is not worse | `significance` | 10/s, an hour each | 1,000/s, 3 minutes each |\n\
         |---|---|---|---|\n",
    );
    let healthy = |canary| Failing { canary, ..HEALTHY };
    let outage = Failing {
        stable: 0.5,
        canary: 0.5,
    };
    for (what, failing, significance) in [
        ("both fail 0.1 %", healthy(0.001), 1e-6),
        ("both fail 0.1 %", healthy(0.001), 1e-3),
        ("both fail 0.1 %", healthy(0.001), 0.05),
        (
            "the canary fails 0.15 %, just at `ratio`",
            healthy(0.0015),
            1e-6,
        ),
        ("both fail 50 %", outage, 1e-6),
    ] {
        write!(out, "| {what} | {significance} |")?;
        for (rate, length) in [(10, 60 * MINUTE), (1_000, 3 * MINUTE)] {
            let mut setup = Setup::new(rate);
            setup.tick = SECOND;
            setup.guard.significance = Some(significance);
            let wrong = Found::new(&setup, 1_000, Duration::ZERO, failing, length)?;
            write!(out, " {} of {} |", wrong.count(), wrong.of)?;
        }
        out.push('\n');
    }
    Ok(())
}

/// The share over time, of a canary that is bad for a while.
fn recovery(out: &mut String) -> Result<(), Box<dyn Error>> {
    let mut run = Simulation::new(&Setup::new(100), 1)?;
    let mut shares = Vec::new();
    for half_minute in 0..=40 {
        let is_bad = (4..20).contains(&half_minute);
        let canary = if is_bad { 0.2 } else { HEALTHY.canary };
        shares.push((run.share() * 100.0).to_string());
        run.run(
            (half_minute + 1) * MINUTE / 2,
            Failing { canary, ..HEALTHY },
        );
    }
    write!(
        out,
        "\n```mermaid\nxychart-beta\n    title \"A canary that fails 20 % from minute 2 to 10, at 100/s\"\n    \
         x-axis \"minutes\" 0 --> 20\n    y-axis \"its share, %\" 0 --> 10\n    line [{}]\n```\n\n\
         The same run in the log:\n\n```text\n",
        shares.join(", ")
    )?;
    for (_, line) in run.host.logs.borrow().iter() {
        writeln!(out, "{line}")?;
    }
    out.push_str("```\n\n");
    Ok(())
}
