//! The HTTP or gRPC status. To a gRPC client an answer without `grpc-status` has the one that its HTTP
//! status maps to (`doc/http-grpc-status-mapping.md` of gRPC).

use crate::exchange::Answer;
use crate::scenario::model::Status;
use crate::wasm_host::http_to_grpc_status;

use super::{Findings, header};

pub(super) fn compare(wanted: &Status, answer: &Answer, found: &mut Findings) {
    match wanted {
        Status::Http(codes) if codes.contains(&answer.status) => {}
        Status::Http(codes) => {
            let codes: Vec<_> = codes.iter().map(u16::to_string).collect();
            found.add("status", codes.join(" or "), answer.status.to_string());
        }
        Status::Grpc { code, name } => {
            let derived = http_to_grpc_status(answer.status.into());
            match grpc_status(answer) {
                Some(got) if got == code.to_string() => {}
                None if derived == *code => {}
                Some(got) => found.add("grpc-status", format!("{code} {name}"), got),
                None => found.add(
                    "grpc-status",
                    format!("{code} {name}"),
                    format!("(absent), HTTP {}", answer.status),
                ),
            }
        }
    }
}

/// From the trailers, or from the headers of an answer that has nothing else.
fn grpc_status(answer: &Answer) -> Option<String> {
    header::first(&answer.trailers, "grpc-status")
        .or_else(|| header::first(&answer.headers, "grpc-status"))
}
