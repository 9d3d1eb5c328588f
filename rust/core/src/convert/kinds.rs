//! Which kinds of JavaScript objects have a form outside, and what is said of those that have none.

use deno_core::v8;

/// What a Python `datetime` can say, in milliseconds since 1970.
pub(super) const YEARS: std::ops::Range<f64> = -62_135_596_800_000.0..253_402_300_800_000.0;

/// Classes of the language and of the Web platform that keep everything in internal slots: as plain objects they would silently be empty.
pub(super) const OPAQUE: &[&str] = &[
    "WeakRef",
    "FinalizationRegistry",
    "Iterator",
    "Array Iterator",
    "String Iterator",
    "RegExp String Iterator",
    "Iterator Helper",
    "Segments",
    "Collator",
    "DateTimeFormat",
    "DisplayNames",
    "DurationFormat",
    "ListFormat",
    "Locale",
    "NumberFormat",
    "PluralRules",
    "Segmenter",
    "Instant",
    "PlainDate",
    "PlainDateTime",
    "PlainMonthDay",
    "PlainTime",
    "PlainYearMonth",
    "ZonedDateTime",
    "AbortController",
    "AbortSignal",
    "Blob",
    "Crypto",
    "CryptoKey",
    "SubtleCrypto",
    "CompressionStream",
    "DecompressionStream",
    "File",
    "Headers",
    "Request",
    "Response",
    "FileReader",
    "MessageChannel",
    "MessagePort",
    "TextDecoder",
    "TextDecoderStream",
    "TextEncoder",
    "TextEncoderStream",
    "TransformStream",
    "URL",
    "URLPattern",
    "URLSearchParams",
];

/// Whether the Python form of a value is hashable.
pub(super) fn is_hashable(value: v8::Local<'_, v8::Value>) -> bool {
    if !value.is_object() || value.is_function() || value.is_date() || value.is_native_error() || value.is_promise() || value.is_reg_exp() {
        return true;
    }
    value.is_array_buffer() || value.is_uint8_array()
}

/// Whether an object is more than its properties and its prototype: what the outgoing walk has a branch for, and proxies.
pub(super) fn is_exotic(value: v8::Local<'_, v8::Value>) -> bool {
    value.is_proxy()
        || value.is_array()
        || value.is_function()
        || value.is_module_namespace_object()
        || value.is_date()
        || value.is_map()
        || value.is_set()
        || value.is_array_buffer_view()
        || value.is_array_buffer()
        || value.is_native_error()
        || value.is_promise()
        || value.is_reg_exp()
        || refusal(value).is_some()
        || value.is_boolean_object()
        || value.is_number_object()
        || value.is_string_object()
        || value.is_big_int_object()
}

/// Why an object of this kind does not leave JavaScript.
pub(super) fn refusal(value: v8::Local<'_, v8::Value>) -> Option<&'static str> {
    Some(if value.is_weak_map() {
        "a WeakMap cannot leave JavaScript"
    } else if value.is_weak_set() {
        "a WeakSet cannot leave JavaScript"
    } else if value.is_shared_array_buffer() {
        "a SharedArrayBuffer cannot leave JavaScript"
    } else if value.is_symbol_object() {
        "a Symbol object cannot leave JavaScript"
    } else if value.is_generator_object() {
        "a generator cannot leave JavaScript; spread it into an array"
    } else if value.is_map_iterator() || value.is_set_iterator() {
        "an iterator cannot leave JavaScript; spread it into an array"
    } else if value.is_wasm_module_object() || value.is_wasm_memory_object() {
        "a WebAssembly object cannot leave JavaScript"
    } else {
        return None;
    })
}
