//! What the engine writes on JavaScript errors, where no JavaScript can see it: which import failed, and where a syntax error is.

use deno_core::v8;

use super::State;
use crate::error::{ModuleFailure, SourceLine};

impl State {
    /// Marks an error as that of a failed import.
    pub(crate) fn mark_module_failure(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        error: v8::Local<'_, v8::Object>,
        failure: &ModuleFailure,
    ) -> Option<()> {
        mark(scope, &self.module_key, error, &[&failure.specifier, &failure.referrer])
    }

    /// The failed import behind an error.
    pub(crate) fn module_failure_of(&self, scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Object>) -> Option<ModuleFailure> {
        let [specifier, referrer] = marked(scope, &self.module_key, error)?;
        Some(ModuleFailure { specifier, referrer })
    }

    /// Keeps the place of a syntax error on an error that stands for it.
    pub(crate) fn mark_place(&self, scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Object>, place: &SourceLine) -> Option<()> {
        mark(scope, &self.place_key, error, &[&place.file, &place.line.to_string(), &place.column.to_string(), &place.text])
    }

    /// The place that was kept on an error.
    pub(crate) fn place_of(&self, scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Object>) -> Option<SourceLine> {
        let [file, line, column, text] = marked(scope, &self.place_key, error)?;
        Some(SourceLine { file, line: line.parse().ok()?, column: column.parse().ok()?, text })
    }
}

fn mark(scope: &mut v8::PinScope<'_, '_>, key: &v8::Global<v8::Private>, error: v8::Local<'_, v8::Object>, texts: &[&str]) -> Option<()> {
    let texts: Option<Vec<v8::Local<'_, v8::Value>>> = texts.iter().map(|text| v8::String::new(scope, text).map(Into::into)).collect();
    let list = v8::Array::new_with_elements(scope, &texts?);
    let key = v8::Local::new(scope, key);
    error.set_private(scope, key, list.into()).map(|_| ())
}

fn marked<const N: usize>(
    scope: &mut v8::PinScope<'_, '_>,
    key: &v8::Global<v8::Private>,
    error: v8::Local<'_, v8::Object>,
) -> Option<[String; N]> {
    let key = v8::Local::new(scope, key);
    let list: v8::Local<'_, v8::Array> = error.get_private(scope, key)?.try_cast().ok()?;
    let mut texts = Vec::with_capacity(N);
    for index in 0..u32::try_from(N).ok()? {
        texts.push(list.get_index(scope, index)?.to_rust_string_lossy(scope));
    }
    texts.try_into().ok()
}
