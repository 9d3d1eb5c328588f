//! The engine through its public interface, without Python: one file, because each test binary links V8.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use jsrun_core::commands::{Bind, Command, Eval};
use jsrun_core::completion::{Queue, Waited};
use jsrun_core::config::Config;
use jsrun_core::error::Error;
use jsrun_core::isolate::{Isolate, Shared};
use jsrun_core::reply::{Cause, HostCall, Item, OpId, Ticket};
use jsrun_core::spin::Spin;
use jsrun_core::value::{Handle, HostFunction, HostMode, Value, Wire};
use jsrun_core::{Binding, HostRef, wire};

/// One isolate and the queue of the thread that waits for it.
struct Bench {
    isolate: Option<Isolate>,
    shared: Arc<Shared>,
    queue: Arc<Queue>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let queue = Arc::new(Queue::new().expect("a descriptor"));
        let (isolate, start) = Isolate::new(config, None).expect("a valid configuration");
        let shared = Arc::clone(isolate.shared());
        let ready = shared.ticket(Arc::clone(&queue), true, None, None);
        start.start(Arc::clone(&ready)).expect("a thread");
        let bench = Self { isolate: Some(isolate), shared, queue };
        bench.outcome(ready.id).expect("the isolate starts");
        bench
    }

    fn submit(&self, code: &str, timeout: Option<Duration>) -> Arc<Ticket> {
        let ticket = self.shared.ticket(Arc::clone(&self.queue), true, timeout, None);
        let command = Command::Eval(Eval { code: Value::text(code), filename: None });
        if let Err(error) = self.shared.submit(Arc::clone(&ticket), command) {
            panic!("submit: {error}");
        }
        ticket
    }

    fn item(&self) -> Item {
        let start = Instant::now();
        let mut spin = Spin::default();
        loop {
            if let Some(item) = self.queue.try_next() {
                return item;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "nothing arrived");
            assert_eq!(self.queue.wait(&mut spin, None), Waited::Ready);
        }
    }

    fn outcome(&self, id: OpId) -> Result<Value, Error> {
        loop {
            if let Item::Done(done, outcome) = self.item()
                && done == id
            {
                return outcome;
            }
        }
    }

    fn eval(&self, code: &str) -> Result<Value, Error> {
        self.outcome(self.submit(code, None).id)
    }

    fn number(&self, code: &str) -> f64 {
        match self.eval(code) {
            Ok(Value::Number(number)) => number,
            other => panic!("{code}: {other:?}"),
        }
    }

    fn bind(&self, name: &str, mode: HostMode) {
        let target = HostRef::new(7, Arc::clone(&self.shared));
        let function = Handle::HostFunction(HostFunction { target, name: name.into(), mode, home: None });
        let mut bytes = wire::HEADER.to_vec();
        bytes.extend([wire::HANDLE, 0]);
        let value = Value::Wire(Box::new(Wire { bytes, handles: vec![function] }));
        let ticket = self.shared.ticket(Arc::clone(&self.queue), true, None, None);
        let command = Command::Bind(Bind { binding: Binding::Global { name: name.into(), value } });
        self.shared.submit(Arc::clone(&ticket), command).expect("an open isolate");
        self.outcome(ticket.id).expect("the binding");
    }

    fn call(&self) -> HostCall {
        loop {
            if let Item::Call(call) = self.item() {
                return call;
            }
        }
    }
}

#[test]
fn values_and_promises_come_back() {
    let bench = Bench::new(Config::default());
    assert_eq!(bench.number("6 * 7"), 42.0);
    assert_eq!(bench.number("Promise.resolve(5)"), 5.0);
    assert_eq!(bench.number("const later = await Promise.resolve(1); later + 1"), 2.0);
    assert_eq!(bench.number("later"), 1.0, "declarations stay global");
    assert!(matches!(bench.eval("'\\u00e9'"), Ok(Value::Latin1(text)) if text == [0xE9]));
}

#[test]
fn errors_are_data() {
    let bench = Bench::new(Config::default());
    match bench.eval("function f() { throw new TypeError('no') }\nf()") {
        Err(Error::JavaScript(error)) => {
            assert_eq!((error.name.as_deref(), error.message.as_str()), (Some("TypeError"), "no"));
            assert_eq!(error.frames[0].function.as_deref(), Some("f"));
            assert_eq!(error.frames[1].line, Some(2));
        }
        other => panic!("{other:?}"),
    }
    match bench.eval("let = = 1") {
        Err(Error::JavaScript(error)) => assert_eq!(error.source.expect("a place").text, "let = = 1"),
        other => panic!("{other:?}"),
    }
    match bench.eval("({users: [0, {get key() { throw 1 }}]})") {
        Err(Error::Conversion { path, .. }) => assert_eq!(path, "$.users[1].key"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn waiter_and_waker_share_an_isolate() {
    let bench = Bench::new(Config::default());
    bench.eval("globalThis.gate = new Promise(r => globalThis.open = r); 0").expect("a gate");
    let waiter = bench.submit("gate", None);
    let waker = bench.submit("open('through'); 0", None);
    let mut ended = vec![bench.item(), bench.item()];
    ended.retain(|item| matches!(item, Item::Done(id, Ok(_)) if *id == waiter.id || *id == waker.id));
    assert_eq!(ended.len(), 2);
}

#[test]
fn a_timeout_stops_only_its_operation() {
    let bench = Bench::new(Config::default());
    bench.eval("globalThis.gate = new Promise(r => globalThis.open = r); 0").expect("a gate");
    let waiter = bench.submit("gate", None);
    for code in ["for (;;);", "(async () => { for (;;) await 0 })()", "for (;;) try { for (;;); } catch {}"] {
        let limit = Duration::from_millis(50);
        let stopped = bench.submit(code, Some(limit));
        assert!(matches!(bench.outcome(stopped.id), Err(Error::Timeout(given)) if given == limit), "{code}");
        assert_eq!(bench.number("1 + 1"), 2.0, "usable after {code}");
    }
    bench.eval("open(3); 0").expect("the waker");
    // The waiter may have ended before the waker's answer was read.
    assert!(waiter.is_answered());
}

#[test]
fn cancelling_detaches_a_waiting_operation() {
    let bench = Bench::new(Config::default());
    let pending = bench.submit("new Promise(r => globalThis.keep = r)", None);
    assert_eq!(bench.number("1"), 1.0);
    bench.shared.stop(&pending, Cause::Cancelled);
    assert!(matches!(bench.outcome(pending.id), Err(Error::Cancelled)));
    bench.shared.stop(&pending, Cause::Timeout);
    assert_eq!(bench.number("keep(1); 2"), 2.0);
}

#[test]
fn a_promise_that_nothing_can_settle_is_a_deadlock() {
    let bench = Bench::new(Config::default());
    assert!(matches!(bench.eval("new Promise(() => {})"), Err(Error::Deadlock(_))));
}

#[test]
fn host_calls_wait_or_promise() {
    let bench = Bench::new(Config::default());
    bench.bind("now", HostMode::Sync);
    bench.bind("later", HostMode::Async);
    let sync = bench.submit("now(1) + 1", None);
    let call = bench.call();
    assert!(call.wait && call.target == 7);
    bench.shared.answer_call(call.call, Ok(Value::Number(10.0)));
    assert!(matches!(bench.outcome(sync.id), Ok(Value::Number(number)) if number == 11.0));

    let other = bench.submit("later().then(x => x * 2)", None);
    let call = bench.call();
    assert!(!call.wait);
    assert_eq!(bench.number("40 + 2"), 42.0, "the isolate goes on meanwhile");
    bench.shared.answer_call(call.call, Ok(Value::Number(4.0)));
    assert!(matches!(bench.outcome(other.id), Ok(Value::Number(number)) if number == 8.0));
}

#[test]
fn closing_ends_what_waits_and_what_comes() {
    let mut bench = Bench::new(Config::default());
    let pending = bench.submit("new Promise(r => globalThis.keep = r)", None);
    let busy = bench.submit("for (;;);", None);
    drop(bench.isolate.take());
    assert!(bench.shared.wait_closed(Duration::from_secs(10)), "dropping the handle ends the thread");
    let mut closed = 0;
    while let Some(item) = bench.queue.try_next() {
        closed += usize::from(matches!(item, Item::Done(id, Err(Error::Closed)) if id == pending.id || id == busy.id));
    }
    assert_eq!(closed, 2);
    bench.shared.close();
    let ticket = bench.shared.ticket(Arc::clone(&bench.queue), true, None, None);
    let command = Command::Eval(Eval { code: Value::text("1"), filename: None });
    assert!(matches!(bench.shared.submit(ticket, command), Err(Error::Closed)));
}

#[test]
fn terminate_is_for_good() {
    let bench = Bench::new(Config::default());
    let busy = bench.submit("for (;;);", None);
    bench.shared.terminate();
    assert!(matches!(bench.outcome(busy.id), Err(Error::Terminated)));
    let ticket = bench.shared.ticket(Arc::clone(&bench.queue), true, None, None);
    let command = Command::Eval(Eval { code: Value::text("1"), filename: None });
    assert!(matches!(bench.shared.submit(ticket, command), Err(Error::Terminated)));
}

#[test]
fn memory_has_limits() {
    let bench = Bench::new(Config { max_heap_size: 32 << 20, ..Config::default() });
    let greedy = bench.eval("for (const all = []; ; ) all.push(new Array(1000).fill(all.length))");
    assert!(matches!(greedy, Err(Error::HeapLimit { .. })), "{greedy:?}");
    assert_eq!(bench.number("1 + 1"), 2.0, "the memory came back");
    let bench = Bench::new(Config { max_buffer_bytes: 8 << 20, ..Config::default() });
    let buffer = bench.eval("new ArrayBuffer(9 << 20)");
    assert!(matches!(&buffer, Err(Error::JavaScript(error)) if error.name.as_deref() == Some("RangeError")), "{buffer:?}");
}

#[test]
fn internals_are_out_of_reach() {
    let bench = Bench::new(Config::default());
    assert_eq!(bench.number("[typeof Deno, typeof __bootstrap, typeof bootstrap].filter(t => t !== 'undefined').length"), 0.0);
    assert!(bench.eval("import('ext:core/mod.js')").is_err());
}

#[test]
fn budgets_are_enforced() {
    let bench = Bench::new(Config { max_depth: 10, max_bytes: 1000, ..Config::default() });
    assert!(matches!(bench.eval("let a = []; for (let i = 0; i < 20; i++) a = [a]; a"), Err(Error::Conversion { .. })));
    assert!(matches!(bench.eval("'x'.repeat(2000)"), Err(Error::Conversion { .. })));
    assert!(matches!(bench.eval("const sparse = []; sparse[2 ** 32 - 2] = 1; sparse"), Err(Error::Conversion { .. })));
    assert!(bench.eval("const ring = {}; ring.self = ring; ring").is_ok());
}
