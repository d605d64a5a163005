//! The `#[http_filter]` attribute of gateway-filter-sdk.
//!
//! It reads which callbacks an `impl HttpFilter for …` contains and exports those and no others:
//! Envoy calls every callback that a module exports, and each call costs.

use proc_macro::{Delimiter, TokenStream, TokenTree};

/// The callbacks that have an export of their own.
const CALLBACKS: [&str; 10] = [
    "on_request_headers",
    "on_request_body",
    "on_request_trailers",
    "on_response_headers",
    "on_response_body",
    "on_response_trailers",
    "on_http_call_response",
    "on_grpc_response",
    "on_log",
    "on_tick",
];

/// Makes a proxy-wasm module of the crate: put it on the one `impl HttpFilter for …` in it.
///
/// When compiled for another target than WASI it does nothing, so that the crate can be tested
/// natively.
#[proc_macro_attribute]
pub fn http_filter(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let Some((filter, body)) = filter_and_body(&tokens) else {
        return "compile_error!(\"#[http_filter] goes on `impl HttpFilter for …`\");"
            .parse()
            .unwrap_or_default();
    };
    let callbacks = callbacks(body).join(" ");
    let exports = format!(
        "#[cfg(target_os = \"wasi\")] ::gateway_filter_sdk::proxy_wasm_exports!({filter}; {callbacks});"
    );
    let mut output = item;
    output.extend(exports.parse::<TokenStream>().unwrap_or_default());
    output
}

/// The type after `for`, and the braces.
fn filter_and_body(tokens: &[TokenTree]) -> Option<(String, TokenStream)> {
    let is_word = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident.to_string() == word);
    let (last, before) = tokens.split_last()?;
    let TokenTree::Group(body) = last else {
        return None;
    };
    let at = before.iter().position(|token| is_word(token, "for"))?;
    let filter: TokenStream = before
        .get(at.saturating_add(1)..)?
        .iter()
        .cloned()
        .collect();
    let is_impl = before.iter().any(|token| is_word(token, "impl"));
    (is_impl && body.delimiter() == Delimiter::Brace).then(|| (filter.to_string(), body.stream()))
}

/// The names behind `fn`, as far as they are callbacks.
fn callbacks(body: TokenStream) -> Vec<&'static str> {
    let words: Vec<String> = body.into_iter().map(|token| token.to_string()).collect();
    let named = |callback: &&str| {
        words.windows(2).any(|pair| {
            pair.first().is_some_and(|w| w == "fn") && pair.last().is_some_and(|w| w == *callback)
        })
    };
    CALLBACKS.iter().copied().filter(named).collect()
}
