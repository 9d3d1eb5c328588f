//! The HTTP side: which isolates there are, and the door to one of them.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::server::Server;
use super::{guard, protocol, session};

/// Answers one request.
pub(super) fn respond(request: Request<Incoming>, server: &Arc<Server>) -> Response<Full<Bytes>> {
    if !is_welcome(&request, server) {
        return plain(StatusCode::FORBIDDEN, "this Host or Origin may not use the inspector; open it by IP address or as localhost");
    }
    if request.method() != Method::GET {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET");
        refusal.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET"));
        return refusal;
    }
    let path = request.uri().path().trim_end_matches('/').to_owned();
    match path.as_str() {
        "/json" | "/json/list" => document(&Value::Array(server.targets().iter().map(|target| target.document()).collect())),
        "/json/version" => document(&json!({
            "Browser": concat!("jsrun/", env!("CARGO_PKG_VERSION")),
            "Protocol-Version": "1.3",
            "V8-Version": deno_core::v8::VERSION_STRING,
        })),
        "/json/protocol" => document(&protocol::document()),
        other => match other.strip_prefix("/ws/") {
            Some(id) => connect(request, server, id),
            None => plain(StatusCode::NOT_FOUND, "not here; see /json/list"),
        },
    }
}

fn is_welcome(request: &Request<Incoming>, server: &Server) -> bool {
    let single = |name: HeaderName| {
        let mut values = request.headers().get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
            (Some(_), Some(_)) => Err(()),
        }
    };
    let (Ok(host), Ok(origin)) = (single(HOST), single(ORIGIN)) else { return false };
    guard::host_allowed(host, server.address.ip()) && guard::origin_allowed(origin)
}

/// Makes a session of the connection.
fn connect(mut request: Request<Incoming>, server: &Server, id: &str) -> Response<Full<Bytes>> {
    let Some(target) = server.target(id) else {
        return plain(StatusCode::NOT_FOUND, "no runtime has this id; see /json/list");
    };
    if !fastwebsockets::upgrade::is_upgrade_request(&request) {
        return plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket");
    }
    let Ok((response, socket)) = fastwebsockets::upgrade::upgrade(&mut request) else {
        return plain(StatusCode::BAD_REQUEST, "this is no WebSocket handshake of version 13");
    };
    let Some(place) = target.enter() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "this runtime has as many sessions as it takes");
    };
    tokio::spawn(async move {
        if let Ok(socket) = socket.await {
            session::run(socket, target).await;
        }
        drop(place);
    });
    response.map(|_| Full::default())
}

fn document(value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json; charset=UTF-8"));
    response.headers_mut().insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-cache"));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=UTF-8"));
    response
}
