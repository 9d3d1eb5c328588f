//! What the host gets of a module: its exports as they are now, and a way to read those again that may change.

use deno_core::v8;

/// A copy of a namespace. Its last entry is a function that reads an export by its name; null if no export is a primitive value.
///
/// The host tells that entry by its place; its key is one that the module does not have.
pub(super) fn copy<'s>(scope: &mut v8::PinScope<'s, '_>, namespace: v8::Local<'s, v8::Object>) -> Option<v8::Local<'s, v8::Object>> {
    let names = namespace.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    let null = v8::null(scope).into();
    let copy = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
    let mut any_primitive = false;
    let mut key = String::from("read");
    for index in 0..names.length() {
        let name = names.get_index(scope, index)?;
        let value = namespace.get(scope, name)?;
        copy.create_data_property(scope, name.to_string(scope)?.into(), value)?;
        any_primitive |= !value.is_object();
        if name.to_rust_string_lossy(scope) == key {
            // Names come in their order: a longer one is still to come.
            key.push('_');
        }
    }
    let read = if any_primitive { v8::Function::builder(read).data(namespace.into()).build(scope)?.into() } else { null };
    let key = v8::String::new(scope, &key)?;
    copy.create_data_property(scope, key.into(), read)?;
    Some(copy)
}

fn read<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let Ok(namespace) = v8::Local::<v8::Object>::try_from(args.data()) else { return };
    if let Some(value) = namespace.get(scope, args.get(0)) {
        rv.set(value);
    }
}
