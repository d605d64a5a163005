//! What a matched rule does to a request: header changes, redirects, rewrites, CORS, answers.
//!
//! Everything is compiled and checked when the configuration is read. The filters then ask for
//! edits and answers, which are values; nothing here talks to a host.

mod cors;
mod direct_response;
mod header_modifier;
mod path_modifier;
mod redirect;
mod rewrite;

pub use cors::Cors;
pub use direct_response::DirectResponse;
pub use header_modifier::HeaderModifier;
pub use path_modifier::PathModifier;
pub use redirect::Redirect;
pub use rewrite::Rewrite;

use crate::route::InvalidConfig;
use crate::route::spec::{FilterKind, FilterSpec};

/// The filters of one rule or one backendRef, compiled.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    /// `RequestHeaderModifier`, in order.
    pub request_headers: Vec<HeaderModifier>,
    /// `ResponseHeaderModifier`, in order.
    pub response_headers: Vec<HeaderModifier>,
    /// `URLRewrite`.
    pub rewrite: Option<Rewrite>,
    /// `CORS`.
    pub cors: Option<Cors>,
    /// The gateway answers by itself.
    pub answer: Option<OwnAnswer>,
}

/// An answer that needs no backend.
#[derive(Debug, Clone)]
pub enum OwnAnswer {
    /// `RequestRedirect`.
    Redirect(Redirect),
    /// `DirectResponse`.
    Direct(DirectResponse),
}

impl Actions {
    /// Compiles `filters`. RequestMirror is Envoy's work and has no part here.
    ///
    /// # Errors
    /// A filter whose `type` and member disagree, that occurs twice where the specification allows
    /// it once, or that has a bad value; the path is relative to the owner of `filters`.
    pub fn new(specs: &[FilterSpec]) -> Result<Self, InvalidConfig> {
        let mut actions = Actions::default();
        for (at, spec) in specs.iter().enumerate() {
            actions
                .add(spec)
                .map_err(|error| error.within(format_args!("filters[{at}]")))?;
        }
        // "This filter can be used multiple times within the same rule" is said of the mirror only.
        if actions.rewrite.is_some() && matches!(actions.answer, Some(OwnAnswer::Redirect(_))) {
            let reason = "RequestRedirect and URLRewrite cannot be used in the same rule";
            return Err(InvalidConfig::new("filters", reason));
        }
        Ok(actions)
    }

    fn add(&mut self, spec: &FilterSpec) -> Result<(), InvalidConfig> {
        only_member(spec)?;
        match spec.kind {
            FilterKind::RequestHeaderModifier => {
                let modifier = HeaderModifier::new(member(&spec.request_header_modifier)?);
                self.request_headers
                    .push(modifier.map_err(|e| e.within("requestHeaderModifier"))?);
            }
            FilterKind::ResponseHeaderModifier => {
                let modifier = HeaderModifier::new(member(&spec.response_header_modifier)?);
                self.response_headers
                    .push(modifier.map_err(|e| e.within("responseHeaderModifier"))?);
            }
            FilterKind::RequestRedirect => {
                let redirect = Redirect::new(member(&spec.request_redirect)?);
                let redirect = redirect.map_err(|error| error.within("requestRedirect"))?;
                once(&mut self.answer, OwnAnswer::Redirect(redirect))?;
            }
            FilterKind::URLRewrite => {
                let rewrite = Rewrite::new(member(&spec.url_rewrite)?);
                once(
                    &mut self.rewrite,
                    rewrite.map_err(|error| error.within("urlRewrite"))?,
                )?;
            }
            FilterKind::CORS => {
                let cors = Cors::new(member(&spec.cors)?).map_err(|error| error.within("cors"))?;
                once(&mut self.cors, cors)?;
            }
            FilterKind::DirectResponse => {
                let direct = DirectResponse::new(member(&spec.direct_response)?);
                let direct = direct.map_err(|error| error.within("directResponse"))?;
                once(&mut self.answer, OwnAnswer::Direct(direct))?;
            }
            FilterKind::RequestMirror => {}
        }
        Ok(())
    }
}

fn member<T>(member: &Option<T>) -> Result<&T, InvalidConfig> {
    member
        .as_ref()
        .ok_or_else(|| InvalidConfig::new("type", "the member that it names is missing"))
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), InvalidConfig> {
    if slot.replace(value).is_some() {
        return Err(InvalidConfig::new("type", "may be used once only"));
    }
    Ok(())
}

/// A member that `type` does not name would be ignored, which hides a mistake.
fn only_member(spec: &FilterSpec) -> Result<(), InvalidConfig> {
    use FilterKind as Kind;
    let members = [
        (
            "requestHeaderModifier",
            spec.request_header_modifier.is_some(),
            Kind::RequestHeaderModifier,
        ),
        (
            "responseHeaderModifier",
            spec.response_header_modifier.is_some(),
            Kind::ResponseHeaderModifier,
        ),
        (
            "requestRedirect",
            spec.request_redirect.is_some(),
            Kind::RequestRedirect,
        ),
        ("urlRewrite", spec.url_rewrite.is_some(), Kind::URLRewrite),
        ("cors", spec.cors.is_some(), Kind::CORS),
        (
            "directResponse",
            spec.direct_response.is_some(),
            Kind::DirectResponse,
        ),
        (
            "requestMirror",
            spec.request_mirror.is_some(),
            Kind::RequestMirror,
        ),
    ];
    match members
        .iter()
        .find(|(_, given, kind)| *given && *kind != spec.kind)
    {
        Some((name, ..)) => Err(InvalidConfig::new(
            name,
            format_args!("type is {:?}", spec.kind),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(filters: &str) -> String {
        let specs: Vec<FilterSpec> = serde_json::from_str(filters).unwrap();
        Actions::new(&specs).unwrap_err().to_string()
    }

    #[test]
    fn type_and_member_agree() {
        assert_eq!(
            refused(r#"[{"type": "CORS"}]"#),
            "filters[0].type: the member that it names is missing"
        );
        assert_eq!(
            refused(r#"[{"type": "CORS", "cors": {}, "urlRewrite": {}}]"#),
            "filters[0].urlRewrite: type is CORS"
        );
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let both = r#"[{"type": "RequestRedirect", "requestRedirect": {"port": 1}},
                       {"type": "URLRewrite", "urlRewrite": {"hostname": "a.com"}}]"#;
        assert_eq!(
            refused(both),
            "filters: RequestRedirect and URLRewrite cannot be used in the same rule"
        );
        let twice = r#"[{"type": "CORS", "cors": {}}, {"type": "CORS", "cors": {}}]"#;
        assert_eq!(refused(twice), "filters[1].type: may be used once only");
    }
}
