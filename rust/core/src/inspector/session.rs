//! One client's connection: what it says goes to the isolate's inbox, what V8 says goes back.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastwebsockets::{Frame, OpCode, Payload, WebSocket, WebSocketError, WebSocketRead, WebSocketWrite};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::inbox::{Errand, Inspect, Said, SessionId};
use super::outlet::{Backlog, Outgoing, Outlet};
use super::target::Target;

type Socket = TokioIo<Upgraded>;

/// Largest message of a client.
const LARGEST: usize = 16 << 20;
/// Messages of one client that the isolate has not carried out yet; then the client is read no further.
const MOST: usize = 256;
/// A client that has said nothing for this long since it connected, or since its last word, has nothing to set up before user code runs.
const QUIET: Duration = Duration::from_secs(1);
/// How long a client has to take the last words.
const FAREWELL: Duration = Duration::from_millis(500);

/// Serves a client until it goes, or the isolate does.
pub(super) async fn run(socket: WebSocket<Socket>, target: Arc<Target>) {
    serve(socket, &target).await;
    // Now that nobody takes what V8 says, nothing may wait for it.
    target.poke();
}

async fn serve(mut socket: WebSocket<Socket>, target: &Target) {
    socket.set_max_message_size(LARGEST);
    socket.set_auto_close(false);
    let (read, write) = socket.split(tokio::io::split);
    let (sender, receiver) = unbounded_channel();
    let outlet = Outlet { sender, backlog: Arc::default() };
    let id = Inspect::new_session();
    let said = Arc::new(AtomicU64::new(0));
    if !target.send(Errand::Connect(id, outlet.clone())) {
        return;
    }
    let backlog = Arc::clone(&outlet.backlog);
    let reading = read_all(read, id, target, outlet, &said);
    let writing = write_all(write, receiver, &backlog, target);
    let mut writing = std::pin::pin!(writing);
    let written = tokio::select! {
        () = reading => false,
        () = &mut writing => true,
        () = release_when_quiet(target, &said) => false,
        () = target.gone() => false,
    };
    target.send(Errand::Disconnect(id));
    if !written {
        // The writer ends when it has written what is left.
        let _ = tokio::time::timeout(FAREWELL, writing).await;
    }
}

/// Lets user code run when the client does not say so itself. Never ends before the session does.
async fn release_when_quiet(target: &Target, said: &AtomicU64) {
    while target.waits() {
        let before = said.load(Ordering::Acquire);
        tokio::time::sleep_until(Instant::now() + QUIET).await;
        if said.load(Ordering::Acquire) == before {
            target.send(Errand::Release);
            break;
        }
    }
    std::future::pending::<()>().await;
}

/// Why a client is not listened to any longer.
enum Refused {
    /// It went by itself, or the connection broke.
    Gone,
    /// It did what it must not: status and reason.
    Because(u16, &'static str),
}

impl From<WebSocketError> for Refused {
    fn from(error: WebSocketError) -> Self {
        match error {
            WebSocketError::FrameTooLarge => Self::Because(1009, "the message is too large"),
            WebSocketError::InvalidUTF8 => Self::Because(1007, "the text is not UTF-8"),
            WebSocketError::UnexpectedEOF | WebSocketError::ConnectionClosed | WebSocketError::IoError(_) => Self::Gone,
            _ => Self::Because(1002, "this is not how WebSockets speak"),
        }
    }
}

async fn read_all(read: WebSocketRead<ReadHalf<Socket>>, id: SessionId, target: &Target, outlet: Outlet, said: &AtomicU64) {
    if let Err(Refused::Because(status, reason)) = try_read_all(read, id, target, &outlet, said).await {
        let _ = outlet.sender.send(Outgoing::Close(status, reason));
        return;
    }
    let _ = outlet.sender.send(Outgoing::Close(1000, ""));
}

async fn try_read_all(
    mut read: WebSocketRead<ReadHalf<Socket>>,
    id: SessionId,
    target: &Target,
    outlet: &Outlet,
    said: &AtomicU64,
) -> Result<(), Refused> {
    let places = Arc::new(Semaphore::new(MOST));
    let mut partial: Option<Vec<u8>> = None;
    loop {
        let mut pong = |frame: Frame<'_>| {
            // A client that asks for more than it reads gets no more.
            if frame.opcode == OpCode::Pong && !outlet.backlog.is_full() {
                outlet.backlog.add(frame.payload.len() + PONG_COST);
                let _ = outlet.sender.send(Outgoing::Pong(frame.payload.to_vec()));
            }
            ready(Ok::<(), Infallible>(()))
        };
        let frame = read.read_frame(&mut pong).await?;
        let message = match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Ping | OpCode::Pong => continue,
            OpCode::Binary => return Err(Refused::Because(1003, "the protocol is text")),
            OpCode::Text if partial.is_some() => return Err(Refused::Because(1002, "a message begins inside another one")),
            OpCode::Text if frame.fin => frame.payload.to_vec(),
            OpCode::Text => {
                partial = Some(frame.payload.to_vec());
                continue;
            }
            OpCode::Continuation => {
                let Some(mut begun) = partial.take() else { return Err(Refused::Because(1002, "a message goes on that has not begun")) };
                begun.extend_from_slice(&frame.payload);
                if begun.len() > LARGEST {
                    return Err(Refused::Because(1009, "the message is too large"));
                }
                if !frame.fin {
                    partial = Some(begun);
                    continue;
                }
                begun
            }
        };
        said.fetch_add(1, Ordering::AcqRel);
        let text = String::from_utf8(message).map_err(|_| Refused::Because(1007, "the text is not UTF-8"))?;
        let (call, method) = match envelope(&text) {
            Ok(known) => known,
            Err((code, reason)) => {
                outlet.send(json!({"error": {"code": code, "message": reason}}).to_string());
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        if !target.send(Errand::Say(id, Said { method, call, text, _place: place })) {
            return Ok(());
        }
    }
}

/// The number and the method of a message.
fn envelope(text: &str) -> Result<(i64, String), (i32, &'static str)> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        id: Option<serde_json::Value>,
        method: Option<serde_json::Value>,
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => (-32600, "a message must be an object"),
        _ => (-32700, "this is not JSON"),
    })?;
    let call = envelope.id.and_then(|id| id.as_i64()).filter(|id| i32::try_from(*id).is_ok());
    let method = envelope.method.and_then(|method| method.as_str().map(str::to_owned));
    match (call, method) {
        (Some(call), Some(method)) => Ok((call, method)),
        (None, _) => Err((-32600, "a message must have an integer id")),
        (_, None) => Err((-32600, "a message must have a method")),
    }
}

/// What a pong counts beyond its payload.
const PONG_COST: usize = 64;

async fn write_all(
    mut write: WebSocketWrite<WriteHalf<Socket>>,
    mut receiver: UnboundedReceiver<Outgoing>,
    backlog: &Backlog,
    target: &Target,
) {
    // The end of the channel is the isolate's end: nobody else drops the other half before the session is over.
    while let Some(outgoing) = receiver.recv().await {
        let (frame, size) = match outgoing {
            Outgoing::Message(text) => {
                let size = text.len();
                (Frame::text(Payload::Owned(text.into_bytes())), size)
            }
            Outgoing::Pong(payload) => {
                let size = payload.len() + PONG_COST;
                (Frame::pong(Payload::Owned(payload)), size)
            }
            Outgoing::Close(status, reason) => {
                let _ = write.write_frame(Frame::close(status, reason.as_bytes())).await;
                return;
            }
        };
        if write.write_frame(frame).await.is_err() {
            return;
        }
        if backlog.written(size) {
            target.poke();
        }
    }
    let _ = write.write_frame(Frame::close(1001, b"the runtime was closed")).await;
}

#[cfg(test)]
mod tests {
    use super::envelope;

    #[test]
    fn messages_need_a_number_and_a_method() {
        assert_eq!(envelope(r#"{"id": 7, "method": "Runtime.enable", "params": {"a": [1]}}"#), Ok((7, "Runtime.enable".to_owned())));
        for (text, code) in [
            ("", -32700),
            ("{", -32700),
            ("nonsense", -32700),
            ("[1]", -32600),
            ("1", -32600),
            (r#"{"method": "a"}"#, -32600),
            (r#"{"id": "7", "method": "a"}"#, -32600),
            (r#"{"id": 1e99, "method": "a"}"#, -32600),
            (r#"{"id": 99999999999, "method": "a"}"#, -32600),
            (r#"{"id": 1, "method": 2}"#, -32600),
            (r#"{"id": 1}"#, -32600),
        ] {
            assert_eq!(envelope(text).map_err(|(code, _)| code), Err(code), "{text}");
        }
    }
}
