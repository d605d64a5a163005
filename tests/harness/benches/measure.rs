//! Interleaved rounds, medians, tables.

use std::error::Error;

/// Whatever goes wrong ends a benchmark.
pub type Measurement<T> = Result<T, Box<dyn Error>>;

/// One thing that is measured: a call gives one sample.
pub type Cell<'a> = Box<dyn FnMut() -> Measurement<f64> + 'a>;

/// The samples of one cell, one for each round.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// The median.
    pub fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The median of the quotients with the samples of the same rounds, so that what slowed down a
    /// whole round does not count.
    pub fn ratio_to(&self, base: &Samples) -> f64 {
        median(
            self.0
                .iter()
                .zip(&base.0)
                .map(|(own, base)| own / base)
                .collect(),
        )
    }

    /// The median of the differences, likewise.
    pub fn above(&self, base: &Samples) -> f64 {
        median(
            self.0
                .iter()
                .zip(&base.0)
                .map(|(own, base)| own - base)
                .collect(),
        )
    }
}

/// The middle of some values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Takes a sample of each cell in turn, `rounds` times; what disturbs the machine for a while then
/// disturbs all of them.
pub fn interleaved(rounds: usize, cells: &mut [Cell]) -> Measurement<Vec<Samples>> {
    let mut samples = vec![Samples::default(); cells.len()];
    for _ in 0..rounds {
        for (cell, samples) in cells.iter_mut().zip(&mut samples) {
            samples.0.push(cell()?);
        }
    }
    Ok(samples)
}

/// Prints a table in Markdown, so that docs/performance.md can have it as it is.
pub fn print_table<const COLUMNS: usize>(
    title: &str,
    head: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) {
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(String::as_str);
        let cells = cells.chain(head.get(column).copied());
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    });
    let line = |cells: [&str; COLUMNS]| {
        let padded = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!(" {cell:width$} |"));
        println!("|{}", padded.collect::<String>());
    };
    println!("\n### {title}\n");
    line(head);
    println!(
        "|{}",
        widths
            .map(|width| format!("{}|", "-".repeat(width + 2)))
            .concat()
    );
    for row in rows {
        line(row.each_ref().map(String::as_str));
    }
}

/// A budget and whether a figure keeps it.
pub fn budget(figure: f64, at_most: f64, unit: &str) -> String {
    let verdict = if figure <= at_most { "kept" } else { "missed" };
    format!("≤ {at_most}{unit}: {verdict}")
}

/// Whether `--quick` was given: few rounds, to see that the benchmark runs.
pub fn is_quick() -> bool {
    std::env::args().any(|argument| argument == "--quick")
}

/// How many requests memory must not grow over: what `--requests` says.
pub fn requests(default: usize) -> Measurement<usize> {
    let given = std::env::args()
        .skip_while(|argument| argument != "--requests")
        .nth(1);
    match given {
        Some(number) => Ok(number
            .parse()
            .map_err(|error| format!("--requests {number}: {error}"))?),
        None if is_quick() => Ok(1_000),
        None => Ok(default),
    }
}
