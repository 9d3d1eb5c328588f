//! What deno_core and our own scripts keep on the global while they start: off it before user code runs, and back on it for a snapshot.

use deno_core::v8;

use super::State;
use crate::error::Error;
use crate::value::HostFunction;
use crate::{stream, web};

/// Names that user code must not find. deno_core's snapshots need them.
const HIDDEN: [&str; 6] = ["Deno", "__bootstrap", "bootstrap", "__infra", web::SETUP, web::STREAMS];

/// The objects behind the hidden names.
#[derive(Default)]
pub(super) struct Internals(Vec<(&'static str, v8::Global<v8::Value>)>);

impl Internals {
    /// Takes them off the global. deno_core keeps what it needs; user code has no path to them.
    pub(super) fn take(scope: &mut v8::PinScope<'_, '_>) -> Result<Self, Error> {
        let global = scope.get_current_context().global(scope);
        let mut taken = Vec::new();
        for name in HIDDEN {
            let key = v8::String::new(scope, name).ok_or(Error::Closed)?;
            if global.has(scope, key.into()) == Some(true)
                && let Some(value) = global.get(scope, key.into())
            {
                taken.push((name, v8::Global::new(scope, value)));
            }
            if global.delete(scope, key.into()) != Some(true) {
                return Err(Error::Invalid(format!("globalThis.{name} cannot be removed")));
            }
        }
        Ok(Self(taken))
    }

    /// Puts them back.
    pub(super) fn restore(&self, scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
        let global = scope.get_current_context().global(scope);
        for (name, value) in &self.0 {
            let key = v8::String::new(scope, name)?;
            let value = v8::Local::new(scope, value);
            // False where user code made the global object inextensible.
            global.define_own_property(scope, key.into(), value, v8::PropertyAttribute::DONT_ENUM).filter(|defined| *defined)?;
        }
        Some(())
    }

    fn setup<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Function>, Error> {
        let setup = self.0.iter().find(|(name, _)| *name == web::SETUP).map(|(_, value)| v8::Local::new(scope, value));
        let setup = setup.and_then(|setup| setup.try_cast().ok());
        setup.ok_or_else(|| Error::Invalid("the start-up snapshot has no set-up function".into()))
    }

    /// Hands the host's functions to the scripts of the snapshot.
    pub(super) fn lend(&self, scope: &mut v8::PinScope<'_, '_>, state: &State, fetch: Option<HostFunction>) -> Result<(), Error> {
        let setup = self.setup(scope)?;
        web::lend(scope, state, setup, fetch)?;
        let streams = self.0.iter().find(|(name, _)| *name == web::STREAMS).map(|(_, value)| v8::Local::new(scope, value));
        let streams = streams.and_then(|streams| streams.try_cast().ok());
        streams
            .and_then(|streams| stream::lend(scope, state, streams))
            .ok_or_else(|| Error::Invalid("the start-up snapshot has no stream functions".into()))?;
        if state.shared.config.inspector.is_some() {
            state.call_streams(scope, "inspect", &[]).ok_or_else(|| Error::Invalid("a part of the platform cannot be loaded".into()))?;
        }
        Ok(())
    }

    /// Takes the host's functions back; returns the timers that are set.
    pub(super) fn reclaim(&self, scope: &mut v8::PinScope<'_, '_>) -> Result<u32, Error> {
        let setup = self.setup(scope)?;
        let (undefined, null) = (v8::undefined(scope).into(), v8::null(scope).into());
        let timers = setup.call(scope, undefined, &[null]).ok_or(Error::Closed)?;
        Ok(timers.uint32_value(scope).unwrap_or(0))
    }
}
