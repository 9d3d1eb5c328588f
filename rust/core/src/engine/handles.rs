//! JavaScript objects that the host holds, by number.

use std::collections::HashMap;
use std::sync::Arc;

use deno_core::v8;

use super::State;
use crate::value::{RemoteKind, RemoteRef};

/// The table behind `RemoteRef`.
#[derive(Default)]
pub(super) struct Handles {
    next: u64,
    entries: HashMap<u64, Kept>,
}

struct Kept {
    value: v8::Global<v8::Value>,
    /// What a function was read from: its `this`.
    receiver: Option<v8::Global<v8::Value>>,
}

impl Handles {
    /// Frees entries.
    pub(super) fn release(&mut self, ids: &[u64]) {
        for id in ids {
            self.entries.remove(id);
        }
    }

    /// Entries held now.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl State {
    /// Keeps an object for the host.
    pub(crate) fn keep(
        &self,
        kind: RemoteKind,
        name: String,
        value: v8::Global<v8::Value>,
        receiver: Option<v8::Global<v8::Value>>,
    ) -> Arc<RemoteRef> {
        let mut handles = self.handles.borrow_mut();
        let id = handles.next;
        handles.next += 1;
        handles.entries.insert(id, Kept { value, receiver });
        self.shared.counters.handles_changed(handles.len());
        Arc::new(RemoteRef { id, kind, name, owner: Arc::clone(&self.shared) })
    }

    /// The object behind a number.
    pub(crate) fn kept<'s>(&self, scope: &mut v8::PinScope<'s, '_>, id: u64) -> Option<v8::Local<'s, v8::Value>> {
        let handles = self.handles.borrow();
        handles.entries.get(&id).map(|kept| v8::Local::new(scope, &kept.value))
    }

    /// A function and the receiver to call it with.
    pub(crate) fn kept_function<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u64,
    ) -> Option<(v8::Local<'s, v8::Function>, v8::Local<'s, v8::Value>)> {
        let handles = self.handles.borrow();
        let kept = handles.entries.get(&id)?;
        let function = v8::Local::new(scope, &kept.value).try_cast().ok()?;
        let receiver = match &kept.receiver {
            Some(receiver) => v8::Local::new(scope, receiver),
            None => v8::undefined(scope).into(),
        };
        Some((function, receiver))
    }
}
