//! The listeners of the process: one per address, shared by the isolates that name it, gone with the last of them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::discovery;
use super::options::InspectorOptions;
use super::target::Target;
use crate::error::Error;
use crate::isolate::Shared;

/// Connections of one listener at a time; more are closed at once.
const MOST_CONNECTIONS: usize = 256;
/// How long a client may take to send a request's head.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest head of a request.
const LARGEST_HEAD: usize = 64 << 10;
/// How long the last isolate waits for its listener's end.
const END_WAIT: Duration = Duration::from_secs(1);

static SERVERS: Mutex<Vec<Arc<Server>>> = Mutex::new(Vec::new());

/// Addresses that are listened at.
pub(crate) fn listeners() -> usize {
    SERVERS.lock().len()
}

/// One listener and who can be found there.
#[derive(Debug)]
pub(super) struct Server {
    /// What was asked for: the port may have been 0.
    asked: SocketAddr,
    /// Where it listens.
    pub(super) address: SocketAddr,
    targets: Mutex<BTreeMap<String, Arc<Target>>>,
    task: AbortHandle,
    /// Hears of the listener's end.
    ended: flume::Receiver<()>,
}

impl Server {
    /// The isolate with this id.
    pub(super) fn target(&self, id: &str) -> Option<Arc<Target>> {
        self.targets.lock().get(id).cloned()
    }

    /// All isolates.
    pub(super) fn targets(&self) -> Vec<Arc<Target>> {
        self.targets.lock().values().cloned().collect()
    }

    fn start(asked: SocketAddr) -> Result<Arc<Self>, Error> {
        let reactor = crate::reactor::handle()?;
        let listener = StdListener::bind(asked).map_err(|error| refused(asked, &error))?;
        let _entered = reactor.enter();
        let listener =
            listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)).map_err(|error| refused(asked, &error))?;
        let address = listener.local_addr().map_err(|error| refused(asked, &error))?;
        let (end, ended) = flume::bounded::<()>(0);
        Ok(Arc::new_cyclic(|server: &std::sync::Weak<Self>| {
            let server = std::sync::Weak::clone(server);
            let task = reactor.spawn(async move {
                // Dropped after the listener, however the task ends.
                let _end = end;
                accept(listener, server).await;
            });
            Self { asked, address, targets: Mutex::default(), task: task.abort_handle(), ended }
        }))
    }
}

fn refused(address: SocketAddr, error: &io::Error) -> Error {
    Error::Inspector(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "the inspector cannot listen on {address}: another process has the port. Name another one in InspectorConfig(port=...), or 0 for a free one"
        ),
        _ => format!("the inspector cannot listen on {address}: {error}"),
    })
}

/// The address that options name. Names other than `localhost` are not looked up.
fn address(options: &InspectorOptions) -> Result<SocketAddr, Error> {
    let name = options.host.trim_start_matches('[').trim_end_matches(']');
    let ip = if name.eq_ignore_ascii_case("localhost") { Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { name.parse() };
    ip.map(|ip| SocketAddr::new(ip, options.port))
        .map_err(|_| Error::Inspector(format!("the inspector's host must be an IP address or \"localhost\", got {:?}", options.host)))
}

/// Makes an isolate reachable, if its configuration says so.
pub(crate) fn offer(isolate: &Arc<Shared>) -> Result<(), Error> {
    let Some(options) = &isolate.config.inspector else { return Ok(()) };
    let asked = address(options)?;
    let id = crate::web::uuid().ok_or_else(|| Error::Inspector("the operating system gave no random bytes".into()))?;
    let mut servers = SERVERS.lock();
    let known = servers.iter().find(|server| server.asked == asked || server.address == asked);
    let server = match known {
        Some(server) => Arc::clone(server),
        None => {
            let server = Server::start(asked)?;
            servers.push(Arc::clone(&server));
            server
        }
    };
    let target = Arc::new(Target::new(isolate, options, server.address, id.clone()));
    server.targets.lock().insert(id, Arc::clone(&target));
    let _ = isolate.target.set(target);
    Ok(())
}

/// Takes an isolate off its server; with the last one the listener ends, and its port is free when this returns.
pub(crate) fn withdraw(isolate: &Shared) {
    let Some(target) = isolate.target.get() else { return };
    target.leave();
    let mut servers = SERVERS.lock();
    let Some(index) = servers.iter().position(|server| server.target(&target.endpoints.id).is_some()) else { return };
    let unused = {
        let mut targets = servers[index].targets.lock();
        targets.remove(&target.endpoints.id);
        targets.is_empty()
    };
    if unused {
        let server = servers.swap_remove(index);
        server.task.abort();
        // Nothing is sent: the other end goes with the listener.
        let _ = server.ended.recv_timeout(END_WAIT);
    }
}

/// Takes connections until the server is gone.
async fn accept(listener: TcpListener, server: std::sync::Weak<Server>) {
    /// Rest after an error, such as too many open files.
    const REST: Duration = Duration::from_millis(100);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match (accepted, server.upgrade()) {
                (_, None) => return,
                (Ok((stream, _)), Some(server)) if connections.len() < MOST_CONNECTIONS => {
                    connections.spawn(converse(stream, server));
                }
                (Ok(_), Some(_)) => {}
                (Err(_), Some(_)) => tokio::time::sleep_until(Instant::now() + REST).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, server: Arc<Server>) {
    // Messages are small and wait for answers.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, std::convert::Infallible>(discovery::respond(request, &server)) }
    });
    // An error is the client's: it went away, or did not speak HTTP.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}
