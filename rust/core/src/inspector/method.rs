//! Which protocol methods may be handled while JavaScript is on the stack.

/// When a method may be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Between two steps of running JavaScript, ahead of what the same client said before.
    Urgent,
    /// Between two steps of running JavaScript, in the client's order.
    Quiet,
    /// It may run user code: only when no JavaScript is on the stack, or while it is paused.
    Code,
}

/// What V8 does for these methods without user code, and what a client needs to get hold of a busy isolate.
const URGENT: [&str; 7] = [
    "Debugger.pause",
    "Debugger.removeBreakpoint",
    "Debugger.setBreakpoint",
    "Debugger.setBreakpointByUrl",
    "Debugger.setBreakpointsActive",
    "Debugger.setSkipAllPauses",
    "Runtime.terminateExecution",
];

/// Methods that may run user code, or change it.
const CODE: [&str; 8] = [
    "Debugger.evaluateOnCallFrame",
    "Debugger.setScriptSource",
    "Debugger.setVariableValue",
    "Runtime.awaitPromise",
    "Runtime.callFunctionOn",
    "Runtime.evaluate",
    "Runtime.getProperties",
    "Runtime.runScript",
];

impl Pace {
    /// The pace of a method.
    pub(super) fn of(method: &str) -> Self {
        if URGENT.contains(&method) {
            Self::Urgent
        } else if CODE.contains(&method) {
            Self::Code
        } else {
            Self::Quiet
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_a_pace() {
        for (method, pace) in [
            ("Debugger.pause", Pace::Urgent),
            ("Runtime.evaluate", Pace::Code),
            ("Debugger.enable", Pace::Quiet),
            ("Profiler.stop", Pace::Quiet),
            ("", Pace::Quiet),
        ] {
            assert_eq!(Pace::of(method), pace, "{method}");
        }
    }
}
