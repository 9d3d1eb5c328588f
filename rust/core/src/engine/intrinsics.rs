//! Functions of the language that the engine itself calls, taken before user code could replace them.

use std::cell::OnceCell;

use deno_core::v8;

use super::State;
use crate::convert::Layout;
use crate::stream::call_method;

/// Functions of the language as they were before user code ran.
pub(super) struct Intrinsics {
    /// `Object.keys`: it knows V8's enumeration caches, which the embedder's interface does not use.
    object_keys: v8::Global<v8::Function>,
    /// `Object.prototype`.
    object_prototype: v8::Global<v8::Value>,
    /// What reads rows of objects, once it was needed.
    rows: OnceCell<v8::Global<v8::Object>>,
    /// How V8's heap is laid out, once that was looked at.
    layout: OnceCell<Option<Layout>>,
    /// `valueOf` of Boolean, Number, String and BigInt.
    value_of: [v8::Global<v8::Function>; 4],
}

impl Intrinsics {
    pub(super) fn capture(scope: &mut v8::PinScope<'_, '_>) -> Self {
        let global = scope.get_current_context().global(scope);
        let walk = |path: &[&'static str]| {
            let mut value: v8::Local<'_, v8::Value> = global.into();
            for name in path {
                let key = v8::String::new(scope, name)?;
                value = value.cast::<v8::Object>().get(scope, key.into())?;
            }
            Some(v8::Global::new(scope, value.try_cast::<v8::Function>().ok()?))
        };
        let function = |path: &[&'static str]| match walk(path) {
            Some(function) => function,
            // Every context is born with them, and no user code has run.
            None => unreachable!("{path:?} is missing"),
        };
        let plain = v8::Object::new(scope);
        let object_prototype = plain.get_prototype(scope).unwrap_or_else(|| v8::null(scope).into());
        Self {
            object_prototype: v8::Global::new(scope, object_prototype),
            rows: OnceCell::new(),
            layout: OnceCell::new(),
            object_keys: function(&["Object", "keys"]),
            value_of: ["Boolean", "Number", "String", "BigInt"].map(|class| function(&[class, "prototype", "valueOf"])),
        }
    }
}

impl State {
    /// The primitive in a boxed primitive, without user code.
    pub(crate) fn unbox<'s>(&self, scope: &mut v8::PinScope<'s, '_>, boxed: v8::Local<'s, v8::Value>) -> Option<v8::Local<'s, v8::Value>> {
        let index = if boxed.is_boolean_object() {
            0
        } else if boxed.is_number_object() {
            1
        } else if boxed.is_string_object() {
            2
        } else {
            3
        };
        let value_of = v8::Local::new(scope, &self.intrinsics.value_of[index]);
        value_of.call(scope, boxed, &[])
    }

    /// Whether an object's prototype is that of object literals. A proxy's trap runs; `None` if it threw.
    pub(crate) fn is_literal<'s>(&self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Option<bool> {
        let prototype = object.get_prototype(scope)?;
        Some(prototype == v8::Local::new(scope, &self.intrinsics.object_prototype))
    }

    /// Calls a function of the platform's `rows.js`, which counts something. `None` if it threw.
    pub(crate) fn call_rows<'s>(&self, scope: &mut v8::PinScope<'s, '_>, name: &str, args: &[v8::Local<'s, v8::Value>]) -> Option<u32> {
        let rows = match self.intrinsics.rows.get() {
            Some(rows) => v8::Local::new(scope, rows),
            None => {
                let script = v8::String::new(scope, "ext:jsrun_web/rows.js")?.into();
                let rows = self.call_streams(scope, "load", &[script])?.try_cast().ok()?;
                let _ = self.intrinsics.rows.set(v8::Global::new(scope, rows));
                rows
            }
        };
        call_method(scope, rows, name, args)?.uint32_value(scope)
    }

    /// How V8's heap is laid out, where that is known.
    pub(crate) fn layout(&self, scope: &mut v8::PinScope<'_, '_>) -> Option<Layout> {
        *self.intrinsics.layout.get_or_init(|| Layout::find(scope))
    }

    /// Own enumerable string keys; a proxy's traps run.
    pub(crate) fn keys_of<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Option<v8::Local<'s, v8::Array>> {
        let undefined = v8::undefined(scope).into();
        let object_keys = v8::Local::new(scope, &self.intrinsics.object_keys);
        object_keys.call(scope, undefined, &[object.into()])?.try_cast().ok()
    }
}
