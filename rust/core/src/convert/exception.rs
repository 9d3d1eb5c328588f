//! Thrown values: JavaScript error to `JsException`, and back.

use std::cell::Cell;
use std::rc::Rc;

use deno_core::v8;
use sourcemap::DecodedMap;

use super::from_v8;
use crate::engine::State;
use crate::error::{Frame, JsException, SourceLine};
use crate::source_maps::{Place, original, rewrite};
use crate::value::Value;

/// Longest `cause` chain and widest `errors` list that is taken apart.
const MOST_CAUSES: usize = 16;
/// Longest text taken from an error, in characters.
const MOST_TEXT: usize = 64 << 10;
/// Longest part of a source line that is kept, in characters.
const MOST_LINE: usize = 200;

/// Takes a thrown value apart. Getters of hostile errors run here, so the caller is inside a guarded entry.
pub(crate) fn describe<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    thrown: v8::Local<'s, v8::Value>,
    message: Option<v8::Local<'s, v8::Message>>,
) -> JsException {
    v8::tc_scope!(let tc, scope);
    let mut exception = describe_at(tc, state, thrown, 0);
    if let Some(message) = message
        && exception.source.is_none()
    {
        exception.source = source_line(tc, message);
    }
    exception
}

/// A thrown value, or a cause, that is no error. What errors inside of it were caused by is no longer converted if it is no error: a cycle through errors and
/// values would have no end, for each conversion begins with a depth of its own.
fn value_of<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, thrown: v8::Local<'s, v8::Value>) -> Option<Value> {
    let _inside = Inside::enter(&state.in_thrown_value)?;
    from_v8(scope, state, thrown).ok()
}

/// Resets a flag when it goes, also by a panic.
struct Inside<'a>(&'a Cell<bool>);

impl<'a> Inside<'a> {
    /// Sets the flag; nothing if it is set.
    fn enter(flag: &'a Cell<bool>) -> Option<Self> {
        (!flag.replace(true)).then(|| Self(flag))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

fn describe_at<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, thrown: v8::Local<'s, v8::Value>, level: usize) -> JsException {
    let is_error = thrown.is_native_error();
    let Ok(object) = v8::Local::<v8::Object>::try_from(thrown) else {
        return JsException { message: plain_text(scope, thrown), value: value_of(scope, state, thrown), ..Default::default() };
    };
    let name = text_property(scope, object, "name");
    let message = text_property(scope, object, "message");
    if !is_error && (name.is_none() || message.is_none()) {
        return JsException { message: plain_text(scope, thrown), value: value_of(scope, state, thrown), ..Default::default() };
    }
    let (frames, maps) = frames(scope, state, thrown);
    let mut exception = JsException {
        name: Some(name.unwrap_or_else(|| "Error".into())),
        message_utf16: message.as_deref().filter(|text| text.contains('\u{FFFD}')).and_then(|_| utf16_property(scope, object, "message")),
        message: message.unwrap_or_default(),
        stack: text_property(scope, object, "stack").map(|stack| with_originals(name_scripts(stack, &frames), &maps)),
        frames: frames.into_iter().map(|frame| maps.original(frame)).collect(),
        host: state.host_error_of(scope, object),
        module: state.module_failure_of(scope, object),
        source: state.place_of(scope, object),
        ..Default::default()
    };
    if level < MOST_CAUSES {
        if let Some(cause) = property(scope, object, "cause")
            && !cause.is_undefined()
            && cause != thrown
        {
            exception.cause = Some(Box::new(describe_at(scope, state, cause, level + 1)));
        }
        if let Some(errors) = property(scope, object, "errors")
            && let Ok(list) = v8::Local::<v8::Array>::try_from(errors)
        {
            for index in 0..list.length().min(MOST_CAUSES as u32) {
                if let Some(error) = list.get_index(scope, index) {
                    // Half of the remaining depth for each nesting keeps `AggregateError` trees bounded.
                    exception.errors.push(describe_at(scope, state, error, level + MOST_CAUSES / 2));
                }
            }
        }
    }
    exception
}

/// Puts script names into a stack text: scripts that are named by a comment (as REPL mode needs it) stand there as `<anonymous>`.
fn name_scripts(mut stack: String, frames: &[Frame]) -> String {
    for frame in frames {
        if let (Some(file), Some(line), Some(column)) = (&frame.file, frame.line, frame.column) {
            stack = stack.replace(&format!("<anonymous>:{line}:{column}"), &format!("{file}:{line}:{column}"));
        }
    }
    stack
}

fn property<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    key: &'static str,
) -> Option<v8::Local<'s, v8::Value>> {
    let key = v8::String::new(scope, key)?;
    v8::tc_scope!(let tc, scope);
    object.get(tc, key.into())
}

fn text_property<'s>(scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>, key: &'static str) -> Option<String> {
    let value = property(scope, object, key)?;
    value.is_string().then(|| bounded(scope, value.cast()))
}

/// A text property with its lone surrogates.
fn utf16_property<'s>(scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>, key: &'static str) -> Option<Vec<u16>> {
    let value = property(scope, object, key)?;
    if !value.is_string() {
        return None;
    }
    let text: v8::Local<'_, v8::String> = value.cast();
    let mut units = vec![0u16; text.length().min(MOST_TEXT)];
    text.write_v2(scope, 0, &mut units, v8::WriteFlags::default());
    Some(units)
}

fn bounded(scope: &mut v8::PinScope<'_, '_>, text: v8::Local<'_, v8::String>) -> String {
    if text.length() <= MOST_TEXT {
        return text.to_rust_string_lossy(scope);
    }
    let mut units = vec![0u16; MOST_TEXT];
    text.write_v2(scope, 0, &mut units, v8::WriteFlags::default());
    let mut cut = String::from_utf16_lossy(&units);
    cut.push_str("... (cut)");
    cut
}

/// A thrown value that is not an error, as text, without running user code.
fn plain_text(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> String {
    if value.is_symbol() {
        return "Symbol()".into();
    }
    if value.is_function() {
        return "[function]".into();
    }
    if value.is_object() {
        return "[object]".into();
    }
    value.to_string(scope).map(|text| bounded(scope, text)).unwrap_or_default()
}

/// Source maps of the scripts in a stack, by the scripts' names.
#[derive(Default)]
struct Maps(Vec<(String, Rc<DecodedMap>)>);

impl Maps {
    fn find(&self, place: &Place) -> Option<Place> {
        let (_, map) = self.0.iter().find(|(file, _)| *file == place.file)?;
        original(map, place)
    }

    /// A frame in the original source, where that is known.
    fn original(&self, mut frame: Frame) -> Frame {
        if let (Some(file), Some(line), Some(column)) = (&frame.file, frame.line, frame.column)
            && let Some(found) = self.find(&Place { file: file.clone(), line, column })
        {
            (frame.file, frame.line, frame.column) = (Some(found.file), Some(found.line), Some(found.column));
        }
        frame
    }
}

fn with_originals(stack: String, maps: &Maps) -> String {
    if maps.0.is_empty() { stack } else { rewrite(&stack, |place| maps.find(place)) }
}

fn frames(scope: &mut v8::PinScope<'_, '_>, state: &State, thrown: v8::Local<'_, v8::Value>) -> (Vec<Frame>, Maps) {
    let mut maps = Maps::default();
    let Some(trace) = v8::Exception::get_stack_trace(scope, thrown) else { return (Vec::new(), maps) };
    let frames = (0..trace.get_frame_count())
        .filter_map(|index| {
            let frame = trace.get_frame(scope, index)?;
            let some = |text: String| (!text.is_empty()).then_some(text);
            // A frame of V8's own, such as that of an async host call.
            if frame.get_line_number() == 0 && frame.get_script_name_or_source_url(scope).is_none_or(|name| name.length() == 0) {
                return None;
            }
            let map = state
                .source_maps
                .of(frame.get_script_id(), || Some(frame.get_script_source_mapping_url(scope)?.to_rust_string_lossy(scope)));
            if let Some(map) = map
                && let Some(file) = frame.get_script_name_or_source_url(scope)
            {
                maps.0.push((file.to_rust_string_lossy(scope), map));
            }
            Some(Frame {
                function: frame.get_function_name(scope).and_then(|name| some(name.to_rust_string_lossy(scope))),
                file: frame.get_script_name_or_source_url(scope).and_then(|name| some(name.to_rust_string_lossy(scope))),
                line: u32::try_from(frame.get_line_number()).ok(),
                column: u32::try_from(frame.get_column()).ok(),
            })
        })
        .collect();
    (frames, maps)
}

fn source_line(scope: &mut v8::PinScope<'_, '_>, message: v8::Local<'_, v8::Message>) -> Option<SourceLine> {
    let line = message.get_line_number(scope).filter(|&line| line > 0)?;
    let text = message.get_source_line(scope).map(|text| text.to_rust_string_lossy(scope)).unwrap_or_default();
    let column = message.get_start_column();
    let from = column.saturating_sub(MOST_LINE / 2);
    let file = message
        .get_script_resource_name(scope)
        .filter(|name| name.is_string())
        .map(|name| name.to_rust_string_lossy(scope))
        .unwrap_or_default();
    Some(SourceLine {
        file,
        line: u32::try_from(line).unwrap_or_default(),
        column: u32::try_from(column + 1).unwrap_or_default(),
        text: text.chars().skip(from).take(MOST_LINE).collect(),
    })
}

/// Makes a JavaScript error from one that came from the host, or travelled through it.
pub(crate) fn make_error<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, exception: &JsException) -> v8::Local<'s, v8::Value> {
    let text = match &exception.message_utf16 {
        Some(units) => v8::String::new_from_two_byte(scope, units, v8::NewStringType::Normal),
        None => v8::String::new(scope, &exception.message),
    }
    .unwrap_or_else(|| v8::String::empty(scope));
    let value = match exception.name.as_deref() {
        Some("TypeError") => v8::Exception::type_error(scope, text),
        Some("RangeError") => v8::Exception::range_error(scope, text),
        Some("SyntaxError") => v8::Exception::syntax_error(scope, text),
        Some("ReferenceError") => v8::Exception::reference_error(scope, text),
        _ => v8::Exception::error(scope, text),
    };
    let object: v8::Local<'s, v8::Object> = value.cast();
    if let Some(name) = &exception.name {
        define_hidden(scope, object, "name", name);
    }
    if let Some(cause) = &exception.cause {
        let cause = make_error(scope, state, cause);
        if let Some(key) = v8::String::new(scope, "cause") {
            object.define_own_property(scope, key.into(), cause, v8::PropertyAttribute::DONT_ENUM);
        }
    }
    if let Some(failure) = &exception.module {
        state.mark_module_failure(scope, object, failure);
    }
    if let Some(place) = exception.source.as_ref().filter(|_| exception.name.as_deref() == Some("SyntaxError")) {
        state.mark_place(scope, object, place);
    }
    if let Some(host) = &exception.host {
        state.remember_host_error(scope, object, host.clone());
    }
    value
}

fn define_hidden(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>, key: &'static str, text: &str) {
    if let (Some(key), Some(text)) = (v8::String::new(scope, key), v8::String::new(scope, text)) {
        object.define_own_property(scope, key.into(), text.into(), v8::PropertyAttribute::DONT_ENUM);
    }
}
