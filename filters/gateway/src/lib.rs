//! The `gateway` filter: routes, limits and canaries in one pass.
//!
//! It finds the rule, asks whether there is room, chooses the backend, and only then writes: what
//! decides sees the request as the client sent it. A stage that meets an error has an outcome of its
//! own, so that one stage's trouble is not another's.

use gateway_filter_sdk::filter::{
    CallAnswer, Flow, HttpFilter, Request, Response, http_filter, json,
};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::limit::Limiter;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::router::{Found, FoundRule, Outcome, Router};
use gateway_filter_sdk::split::{Canaries, CanaryAction};
use gateway_filter_sdk::stage::canary::{self, CanaryResponse};
use gateway_filter_sdk::stage::limit::{LimitStage, Limited};
use gateway_filter_sdk::stage::route::{self, RouteResponse};
use gateway_filter_sdk::stage::spec::GatewayFilterSpec;
use std::rc::Rc;

/// The compiled configuration.
#[derive(Debug)]
pub struct Config {
    router: Router,
    limiter: Option<Limiter>,
    canaries: Option<Canaries>,
}

/// One request on its way.
#[derive(Debug)]
pub struct Gateway {
    config: Rc<Config>,
    limits: LimitStage,
    route: RouteResponse,
    canary: CanaryResponse,
}

#[http_filter]
impl HttpFilter for Gateway {
    type Config = Config;

    fn configure(text: &[u8], host: &dyn Host) -> Result<Config, InvalidConfig> {
        let spec: GatewayFilterSpec = json(text)?;
        spec.check()?;
        let GatewayFilterSpec {
            routes,
            limits,
            canaries,
        } = spec;
        let limiter = limits.map(|limits| Limiter::new(&limits, host)).transpose();
        let canaries = canaries.map(|canaries| Canaries::new(&canaries, host));
        Ok(Config {
            router: Router::try_from(routes).map_err(|error| error.within("routes"))?,
            limiter: limiter.map_err(|error| error.within("limits"))?,
            canaries: canaries
                .transpose()
                .map_err(|error| error.within("canaries"))?,
        })
    }

    fn new(config: Rc<Config>) -> Self {
        Gateway {
            config,
            limits: LimitStage::default(),
            route: RouteResponse::default(),
            canary: CanaryResponse::default(),
        }
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        self.decide(request, None)
    }

    fn on_grpc_response(
        &mut self,
        answer: &CallAnswer,
        request: &Request,
    ) -> Result<Flow, HostError> {
        let config = Rc::clone(&self.config);
        let limiter = config.limiter.as_ref();
        let limited = limiter.and_then(|limiter| self.limits.answered(limiter, answer, request));
        match limited {
            // Nothing has been written since, so the rule is the same.
            Some(limited) => self.decide(request, Some(limited)),
            None => Ok(Flow::Pause),
        }
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        if let Some(canaries) = &self.config.canaries {
            self.canary.on_response_headers(canaries, response)?;
        }
        self.limits.on_response_headers(response)?;
        self.route
            .on_response_headers(&self.config.router, response)?;
        Ok(Flow::Continue)
    }

    fn on_response_trailers(&mut self, response: &Response) -> Result<Flow, HostError> {
        if let Some(canaries) = &self.config.canaries {
            self.canary.on_response_trailers(canaries, response)?;
        }
        Ok(Flow::Continue)
    }

    fn on_log(&mut self, request: &Request) {
        if let Some(limiter) = &self.config.limiter {
            self.limits.on_log(limiter, request.host());
        }
    }

    fn on_tick(config: &Config, host: &dyn Host) {
        if let Some(limiter) = &config.limiter {
            limiter.flush(host);
        }
        if let Some(canaries) = &config.canaries {
            canaries.tick(host);
        }
    }
}

impl Gateway {
    /// Finds the rule, and goes on with what the limits say: `answered` after the service has.
    fn decide(&mut self, request: &Request, answered: Option<Limited>) -> Result<Flow, HostError> {
        let config = Rc::clone(&self.config);
        let mut head = request.head()?;
        let found = match route::find(&config.router, &mut head, request)? {
            Found::Rule(found) => found,
            Found::Answered(decision) => {
                return self
                    .route
                    .carry_out(&config.router, decision, &head, request);
            }
        };
        let limited = match (answered, &config.limiter) {
            (Some(limited), _) => limited,
            (None, Some(limiter)) => {
                let scope = limiter.scope_of(found.route(), found.listener());
                self.limits.check(limiter, &scope, &head, request)
            }
            (None, None) => Limited::Pass,
        };
        self.go_on(&config, limited, found, &head, request)
    }

    /// What follows once the limits have decided.
    fn go_on(
        &mut self,
        config: &Config,
        limited: Limited,
        found: FoundRule,
        head: &RequestHead,
        request: &Request,
    ) -> Result<Flow, HostError> {
        match limited {
            Limited::Pass => {}
            Limited::Wait => return Ok(Flow::Pause),
            Limited::Refuse(reply) => {
                self.route = RouteResponse::answered(&found, head);
                return Ok(Flow::Reply(reply));
            }
        }
        let mut decision = config.router.serve(found, head, || request.host().draw());
        if let Outcome::Forward { backend, .. } = &mut decision.outcome {
            let mut edits = match &config.limiter {
                Some(limiter) => self.limits.request_edits(limiter, request)?,
                None => Vec::new(),
            };
            if let Some(canaries) = &config.canaries {
                let route = found.route();
                let mut selection = canary::select(canaries, route, head, request.host());
                if let Some(selected) = selection.take_backend() {
                    *backend = selected;
                }
                edits.extend(selection.request_edits());
                match selection.action {
                    CanaryAction::Pass => {}
                    CanaryAction::Reply(reply) => {
                        self.route = RouteResponse::answered(&found, head);
                        return Ok(Flow::Reply(reply));
                    }
                    CanaryAction::Forward { chosen, .. } => {
                        self.canary = CanaryResponse::of(chosen);
                    }
                }
            }
            edits.into_iter().try_for_each(|edit| request.edit(edit))?;
        }
        self.route
            .carry_out(&config.router, decision, head, request)
    }
}

#[cfg(test)]
mod tests;
