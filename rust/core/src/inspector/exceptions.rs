//! Exceptions that nobody caught, for the consoles of connected clients.

use deno_core::v8;
use deno_core::v8::inspector::StringView;

use crate::engine::State;

/// Tells clients of an exception, if there are any.
pub(crate) fn thrown(scope: &mut v8::PinScope<'_, '_>, state: &State, exception: v8::Local<'_, v8::Value>) {
    let Some(agent) = state.inspection.known_agent() else { return };
    let message = v8::Exception::create_message(scope, exception);
    let text = units(&message.get(scope).to_rust_string_lossy(scope));
    let stack = message.get_stack_trace(scope);
    // Where it was made; the message of a rejection names where it was noticed.
    let frame = stack.filter(|stack| stack.get_frame_count() > 0).and_then(|stack| stack.get_frame(scope, 0));
    let file = frame.and_then(|frame| frame.get_script_name_or_source_url(scope)).map(|name| name.to_rust_string_lossy(scope));
    let file = units(&file.unwrap_or_default());
    let (line, column) = frame.map_or((0, 0), |frame| (frame.get_line_number(), frame.get_column()));
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
