//! Every way an operation can fail, as data: no prose is parsed to find out what happened.

use std::time::Duration;

use crate::host::HostRef;
use crate::value::Value;

/// The one error type that leaves this crate.
///
/// The binding crate maps each variant to one documented Python class, at one place.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The isolate was closed before or while the operation ran.
    #[error("the runtime is closed")]
    Closed,
    /// `terminate()` stopped the isolate for good.
    #[error("the runtime was terminated")]
    Terminated,
    /// The operation passed its deadline.
    #[error("JavaScript did not finish within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The operation used up its time on the isolate's thread.
    #[error("JavaScript used more than {} s of CPU time", .0.as_secs_f64())]
    CpuTimeout(Duration),
    /// The caller gave the operation up (task cancelled, Ctrl-C).
    #[error("the operation was cancelled")]
    Cancelled,
    /// The V8 heap reached its limit while the operation ran.
    #[error("the JavaScript heap reached its limit of {limit} bytes; the operation was stopped{}", heap_after(*.condemned))]
    HeapLimit {
        /// The configured limit in bytes.
        limit: usize,
        /// Whether the isolate is condemned: the memory did not come back. `None` while that is not known.
        condemned: Option<bool>,
    },
    /// V8 dropped this operation's pending microtasks when it stopped another operation.
    #[error("this operation was lost: its queued microtasks were dropped when another operation of the runtime was stopped")]
    Lost,
    /// The operation can never finish; the text names the cycle.
    #[error("{0}")]
    Deadlock(String),
    /// A value cannot cross the border.
    #[error("{path}: {reason}")]
    Conversion {
        /// Where in the value, for example `$.users[3].key`.
        path: String,
        /// What is wrong there.
        reason: String,
        /// The exception a getter or a proxy trap threw, if that was the reason.
        cause: Option<Box<JsException>>,
    },
    /// A snapshot could not be made or used.
    #[error("{0}")]
    Snapshot(String),
    /// The inspector could not be started, or could not do what was asked.
    #[error("{0}")]
    Inspector(String),
    /// A file that the host opened could not be written.
    #[error("cannot write the file: {0}")]
    File(std::io::Error),
    /// JavaScript threw.
    #[error("{}", .0.headline())]
    JavaScript(Box<JsException>),
    /// A configuration or an argument that V8 cannot take.
    #[error("{0}")]
    Invalid(String),
    /// A JavaScript function, promise or stream handle that was released.
    #[error("the {0} was released")]
    Released(&'static str),
    /// The operating system refused threads, descriptors or memory.
    #[error("cannot start a runtime: {}{}", .0, what_ran_out(.0))]
    Resource(#[from] std::io::Error),
    /// The process was forked: the isolate's thread exists only in the parent.
    #[error(
        "this runtime belongs to the process this one was forked from; V8 does not survive a fork. Start workers with spawn or forkserver, or create runtimes after forking in a process that has not used jsrun before"
    )]
    Forked,
    /// A Rust panic was contained. This is a bug in jsrun.
    #[error("internal error (please report): {0}")]
    Panic(String),
}

fn heap_after(condemned: Option<bool>) -> &'static str {
    match condemned {
        Some(true) => ". The memory did not come back: the runtime is condemned, close it",
        Some(false) => ". The memory came back: the runtime goes on",
        None => "",
    }
}

/// Which limits to look at.
#[cfg(unix)]
fn what_ran_out(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EAGAIN) => ". No thread is left: see RLIMIT_NPROC, the cgroup's pids.max and kernel.threads-max, or close runtimes",
        Some(libc::EMFILE | libc::ENFILE) => ". No descriptor is left: see RLIMIT_NOFILE, or close files",
        Some(libc::ENOMEM) => ". No address space or mapping is left: see RLIMIT_AS and vm.max_map_count, or close runtimes",
        _ => "",
    }
}

#[cfg(not(unix))]
fn what_ran_out(_: &std::io::Error) -> &'static str {
    ""
}

impl Error {
    /// A conversion error without a thrown cause.
    pub fn conversion(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Conversion { path: path.into(), reason: reason.into(), cause: None }
    }
}

/// One JavaScript stack frame. Lines and columns count from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Function or method name, if V8 knows one.
    pub function: Option<String>,
    /// Script name or URL.
    pub file: Option<String>,
    /// Line number, from 1.
    pub line: Option<u32>,
    /// Column number, from 1.
    pub column: Option<u32>,
}

/// A thrown JavaScript value, taken apart on the isolate's thread.
#[derive(Debug, Default)]
pub struct JsException {
    /// `error.name`; `None` when something else than an error was thrown.
    pub name: Option<String>,
    /// `error.message`, or the thrown value as text.
    pub message: String,
    /// The message as UTF-16, when it has lone surrogates.
    pub message_utf16: Option<Vec<u16>>,
    /// V8's formatted stack, if there is one.
    pub stack: Option<String>,
    /// The frames of the stack, innermost first.
    pub frames: Vec<Frame>,
    /// For syntax errors: where, and the source line itself.
    pub source: Option<SourceLine>,
    /// `error.cause`.
    pub cause: Option<Box<JsException>>,
    /// `AggregateError.errors`, or empty.
    pub errors: Vec<JsException>,
    /// The thrown value itself, when it is not an error and converts.
    pub value: Option<Value>,
    /// The host exception this error was made from, if it was.
    pub host: Option<HostRef>,
    /// The error says that a module could not be had.
    pub module: Option<ModuleFailure>,
}

/// The import that failed.
#[derive(Debug, Clone, Default)]
pub struct ModuleFailure {
    /// What was imported, as written.
    pub specifier: String,
    /// The URL of the module (or the name of the script) that imported it; empty for `eval_module`.
    pub referrer: String,
}

/// The place V8 names for an uncaught exception.
#[derive(Debug, Clone, Default)]
pub struct SourceLine {
    /// Script name.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The text of that line, cut to 200 characters around the column.
    pub text: String,
}

impl JsException {
    /// `Name: message`, as JavaScript prints it.
    #[must_use]
    pub fn headline(&self) -> String {
        match &self.name {
            Some(name) if self.message.is_empty() => name.clone(),
            Some(name) => format!("{name}: {}", self.message),
            None => format!("Uncaught {}", self.message),
        }
    }
}
