//! Exceptions that nobody caught, for the consoles of connected clients.

use deno_core::v8;
use deno_core::v8::inspector::StringView;

use crate::engine::State;

/// Tells clients of an exception, if there are any.
pub(crate) fn thrown(scope: &mut v8::PinScope<'_, '_>, state: &State, exception: v8::Local<'_, v8::Value>) {
    let Some(agent) = state.inspection.known_agent() else { return };
    let message = v8::Exception::create_message(scope, exception);
    let text = units(&message.get(scope).to_rust_string_lossy(scope));
    let file = message.get_script_resource_name(scope).map(|name| name.to_rust_string_lossy(scope)).unwrap_or_default();
    let file = units(&file);
    let line = message.get_line_number(scope).unwrap_or(0);
    let column = message.get_start_column() + 1;
    let stack = message.get_stack_trace(scope);
    let inspector = agent.inspector();
    let trace = inspector.create_stack_trace(stack);
    let context = v8::Local::new(scope, &state.context);
    inspector.exception_thrown(
        context,
        StringView::from(&b"Uncaught"[..]),
        exception,
        StringView::from(text.as_slice()),
        StringView::from(file.as_slice()),
        u32::try_from(line).unwrap_or(0),
        u32::try_from(column).unwrap_or(0),
        trace,
        0,
    );
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}
