//! Rejected promises that nobody handles: reported, and nothing else fails for them.

use std::sync::Arc;

use deno_core::v8;

use super::state::{State, state_of};
use crate::convert::describe;
use crate::reply::{Item, OpId, Report};

/// A promise rejected without a handler, so far.
pub(super) struct Rejection {
    promise: v8::Global<v8::Promise>,
    owner: Option<OpId>,
}

/// V8 callback: a promise was rejected without a handler, or got one later.
pub(super) unsafe extern "C" fn on_reject(message: v8::PromiseRejectMessage<'_>) {
    // SAFETY: V8 calls this with a valid message on the isolate's thread.
    v8::callback_scope!(unsafe scope, &message);
    let state = state_of(scope);
    let promise = message.get_promise();
    match message.get_event() {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => {
            let owner = state.current_owner(scope);
            let mut rejections = state.rejections.borrow_mut();
            if rejections.len() >= state.shared.config.max_rejections {
                state.drop_report();
            } else {
                rejections.push(Rejection { promise: v8::Global::new(scope, promise), owner });
            }
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            state.rejections.borrow_mut().retain(|rejection| rejection.promise != promise);
        }
        // Rejecting or resolving a settled promise again has no effect in the language either.
        v8::PromiseRejectEvent::PromiseRejectAfterResolved | v8::PromiseRejectEvent::PromiseResolveAfterResolved => {}
    }
}

impl State {
    /// Whether rejections wait to be told.
    pub(crate) fn has_rejections(&self) -> bool {
        !self.rejections.borrow().is_empty()
    }

    /// The host looks at this promise itself.
    pub(crate) fn mark_handled(&self, promise: v8::Local<'_, v8::Promise>) {
        promise.mark_as_handled();
        self.rejections.borrow_mut().retain(|rejection| rejection.promise != promise);
    }

    /// Promises rejected with `reason` are nobody's business.
    pub(crate) fn forget_rejections(&self, scope: &mut v8::PinScope<'_, '_>, reason: v8::Local<'_, v8::Value>) {
        let of_another = |rejection: &Rejection| v8::Local::new(scope, &rejection.promise).result(scope) != reason;
        self.rejections.borrow_mut().retain(of_another);
    }

    /// Reports what is still unhandled when a microtask checkpoint is over.
    pub(super) fn report_rejections(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.rejections.borrow().is_empty() {
            return;
        }
        for rejection in self.rejections.take() {
            let promise = v8::Local::new(scope, &rejection.promise);
            if promise.has_handler() {
                continue;
            }
            let Some((admitted, _)) = self.reports.admit() else {
                self.drop_report();
                continue;
            };
            let reason = promise.result(scope);
            crate::inspector::thrown(scope, self, reason);
            let exception = describe(scope, self, reason, None);
            self.deliver_for(
                rejection.owner,
                Item::Report(Arc::clone(&self.shared), Report::UnhandledRejection(Box::new(exception), admitted)),
            );
        }
    }
}
