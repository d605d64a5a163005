//! The annotations of ingress-nginx.

use crate::load::Document;
use crate::report::{Report, Severity};
use gateway_filter_sdk::header::is_token;
use gateway_filter_sdk::key::KeySpec;
use gateway_filter_sdk::route::Pattern;
use gateway_filter_sdk::split::spec::OverrideSpec;

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// Those that are read.
const READ: [&str; 7] = [
    "canary",
    "canary-weight",
    "canary-weight-total",
    "canary-by-header",
    "canary-by-header-value",
    "canary-by-header-pattern",
    "canary-by-cookie",
];

/// The most that a backendRef weighs.
const MAX_WEIGHT: i64 = 1_000_000;

/// Who goes to the canary.
#[derive(Debug)]
pub(crate) struct CanaryAnnotations {
    /// The weights of stable and canary for those whom no override decides on.
    pub(crate) weights: (u32, u32),
    pub(crate) overrides: Vec<OverrideSpec>,
}

/// What an Ingress says of itself as a canary; none if it is not one.
pub(super) fn read(document: &Document, remarks: &mut Report) -> Option<CanaryAnnotations> {
    let mut reader = AnnotationReader { document, remarks };
    reader.unknown();
    let enabled = reader.text("canary").is_some_and(|text| {
        // As Go's `strconv.ParseBool`.
        let flags = ["1", "t", "T", "TRUE", "true", "True"];
        flags.contains(&text)
    });
    if !enabled {
        for name in READ.into_iter().skip(1) {
            if reader.text(name).is_some() {
                reader.remark(name, "of no effect without canary: \"true\"");
            }
        }
        return None;
    }
    let weights = reader.weights();
    let overrides = [reader.header(), reader.cookie()];
    let overrides = overrides.into_iter().flatten().collect();
    Some(CanaryAnnotations { weights, overrides })
}

struct AnnotationReader<'a> {
    document: &'a Document,
    remarks: &'a mut Report,
}

impl<'a> AnnotationReader<'a> {
    /// The annotation without space around, if it is there and not empty.
    fn text(&self, name: &str) -> Option<&'a str> {
        let annotations = self.document.metadata().annotations.as_ref()?;
        let text = annotations.get(&format!("{PREFIX}{name}"))?.trim();
        (!text.is_empty()).then_some(text)
    }

    fn remark(&mut self, name: &str, message: &str) {
        let path = format!("metadata.annotations.{PREFIX}{name}");
        let message = format!("{name}: {message}");
        self.remarks
            .ignore(self.document, &path, Severity::Warning, message);
    }

    fn unknown(&mut self) {
        let annotations = self.document.metadata().annotations.iter().flatten();
        let names = annotations.filter_map(|(name, _)| name.strip_prefix(PREFIX));
        for name in names.filter(|name| !READ.contains(name)) {
            self.remark(name, "not carried over");
        }
    }

    /// A number; what is none is as good as absent.
    fn number(&mut self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        let number = text.parse();
        if number.is_err() {
            self.remark(name, &format!("`{text}` is not a number"));
        }
        number.ok()
    }

    /// Of `canary-weight-total`, 100 where that is not more, `canary-weight` goes to the canary.
    fn weights(&mut self) -> (u32, u32) {
        let total = self.number("canary-weight-total").unwrap_or(0).max(100);
        let weight = self.number("canary-weight").unwrap_or(0).clamp(0, total);
        let scaled = |weight: i64| {
            let exact = i128::from(weight) * i128::from(MAX_WEIGHT) / i128::from(total);
            i64::try_from(exact).unwrap_or(MAX_WEIGHT)
        };
        let (total, weight) = match total > MAX_WEIGHT {
            true => {
                let message = format!("taken as shares of {MAX_WEIGHT}, the most there are");
                self.remark("canary-weight-total", &message);
                (MAX_WEIGHT, scaled(weight))
            }
            false => (total, weight),
        };
        let within = |weight: i64| u32::try_from(weight).unwrap_or_default();
        (within(total.saturating_sub(weight)), within(weight))
    }

    fn header(&mut self) -> Option<OverrideSpec> {
        let (value, pattern) = (
            self.text("canary-by-header-value"),
            self.text("canary-by-header-pattern"),
        );
        let Some(name) = self.text("canary-by-header") else {
            for (name, text) in [
                ("canary-by-header-value", value),
                ("canary-by-header-pattern", pattern),
            ] {
                if text.is_some() {
                    self.remark(name, "of no effect without canary-by-header");
                }
            }
            return None;
        };
        if !is_token(name.as_bytes()) {
            self.remark(
                "canary-by-header",
                &format!("`{name}` is not a header name"),
            );
            return None;
        }
        let mut header = OverrideSpec {
            key: KeySpec {
                header: Some(name.to_owned()),
                ..KeySpec::default()
            },
            ..OverrideSpec::default()
        };
        match (value, pattern) {
            (Some(value), pattern) => {
                header.values.push(value.to_owned());
                if pattern.is_some() {
                    let message = "of no effect beside canary-by-header-value";
                    self.remark("canary-by-header-pattern", message);
                }
            }
            (None, Some(pattern)) => header.pattern = Some(self.pattern(pattern)?),
            (None, None) => {}
        }
        Some(header)
    }

    /// ingress-nginx looks for a match anywhere in the value, while a pattern here is for all of it.
    fn pattern(&mut self, pattern: &str) -> Option<String> {
        let anywhere = format!("(?s:.*)(?:{pattern})(?s:.*)");
        let compiled = Pattern::new(pattern).and_then(|_| Pattern::new(&anywhere));
        match compiled {
            Ok(_) => Some(anywhere),
            Err(error) => {
                self.remark("canary-by-header-pattern", &error.to_string());
                None
            }
        }
    }

    fn cookie(&mut self) -> Option<OverrideSpec> {
        let name = self.text("canary-by-cookie")?;
        let key = KeySpec {
            cookie: Some(name.to_owned()),
            ..KeySpec::default()
        };
        Some(OverrideSpec {
            key,
            ..OverrideSpec::default()
        })
    }
}
