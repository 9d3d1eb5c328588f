//! What the isolate's thread does while JavaScript is paused: it carries out what clients say, until one lets it go on, the last debugger
//! is gone, or what runs must stop.

use std::rc::Weak;

use deno_core::v8;
use deno_core::v8::inspector::{StringBuffer, StringView, V8InspectorClientImpl};

use super::outlet::text_of;
use crate::engine::State;

/// V8's view of its embedder.
pub(super) struct Client {
    state: Weak<State>,
    isolate: v8::UnsafeRawIsolatePtr,
    context: v8::Global<v8::Context>,
}

impl Client {
    pub(super) fn new(state: Weak<State>, isolate: v8::UnsafeRawIsolatePtr, context: v8::Global<v8::Context>) -> Self {
        Self { state, isolate, context }
    }

    fn serve_clients(&self, state: &State) {
        let inspection = &state.inspection;
        inspection.quit.set(false);
        loop {
            // SAFETY: V8 calls this on the isolate's thread, with JavaScript of this isolate on the stack.
            let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
            let stop = {
                v8::scope_with_context!(let scope, &mut isolate, &self.context);
                let stop = state.should_terminate(scope);
                if !stop && !inspection.quit.get() {
                    inspection.perform_all(scope, state);
                }
                stop
            };
            if stop {
                state.terminate(&mut isolate);
                return;
            }
            if inspection.quit.get() || !inspection.is_debugged() {
                return;
            }
            // Every cause to stop pokes.
            state.shared.inbox.wait();
        }
    }
}

impl V8InspectorClientImpl for Client {
    fn run_message_loop_on_pause(&self, _: i32) {
        let Some(state) = self.state.upgrade() else { return };
        let outer = state.inspection.paused.replace(true);
        self.serve_clients(&state);
        state.inspection.paused.set(outer);
        state.inspection.quit.set(false);
        if state.shared.inbox.has_errands() {
            // Their interrupts may be used up.
            state.shared.interrupt_now();
        }
    }
    fn quit_message_loop_on_pause(&self) {
        if let Some(state) = self.state.upgrade() {
            state.inspection.quit.set(true);
        }
    }

    fn run_if_waiting_for_debugger(&self, _: i32) {
        if let Some(state) = self.state.upgrade() {
            state.inspection.release(&state);
        }
    }

    fn ensure_default_context_in_group(&self, _: i32) -> Option<v8::Local<'_, v8::Context>> {
        // SAFETY: V8 asks on the isolate's thread, inside a handle scope of its own, which the handle belongs to.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
        let isolate = &mut isolate;
        v8::callback_scope!(unsafe scope, isolate);
        let context = v8::Local::new(scope, &self.context);
        // SAFETY: V8 uses the handle before it leaves that handle scope.
        Some(unsafe { context.extend_lifetime_unchecked() })
    }

    /// Scripts named by an absolute path get its URL, as editors expect.
    fn resource_name_to_url(&self, name: &StringView<'_>) -> Option<v8::UniquePtr<StringBuffer>> {
        let url = file_url(&text_of(*name))?;
        Some(StringBuffer::create(StringView::from(url.as_bytes())))
    }
}

/// The `file:` URL of an absolute path.
fn file_url(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.starts_with("//") {
        return None;
    }
    let mut url = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::file_url;

    #[test]
    fn absolute_paths_become_urls() {
        for (path, url) in [
            ("/app/a.js", Some("file:///app/a.js")),
            ("/a b/ü.js", Some("file:///a%20b/%C3%BC.js")),
            ("//host/a.js", None),
            ("app.js", None),
            ("https://a/b.js", None),
            ("<eval>", None),
        ] {
            assert_eq!(file_url(path).as_deref(), url, "{path}");
        }
    }
}
