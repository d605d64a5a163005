//! The HTTP or gRPC status.

use crate::exchange::Answer;
use crate::scenario::model::Status;

use super::{Findings, header};

pub(super) fn compare(wanted: &Status, answer: &Answer, found: &mut Findings) {
    match wanted {
        Status::Http(codes) if codes.contains(&answer.status) => {}
        Status::Http(codes) => {
            let codes: Vec<_> = codes.iter().map(u16::to_string).collect();
            found.add("status", codes.join(" or "), answer.status.to_string());
        }
        Status::Grpc {
            code,
            name,
            http_equivalents,
        } => match grpc_status(answer) {
            Some(got) if got == code.to_string() => {}
            None if http_equivalents.contains(&answer.status) => {}
            Some(got) => found.add("grpc-status", format!("{code} {name}"), got),
            None => found.add(
                "grpc-status",
                format!("{code} {name}"),
                format!("(absent), HTTP {}", answer.status),
            ),
        },
    }
}

/// From the trailers, or from the headers of an answer that has nothing else.
fn grpc_status(answer: &Answer) -> Option<String> {
    header::first(&answer.trailers, "grpc-status")
        .or_else(|| header::first(&answer.headers, "grpc-status"))
}
