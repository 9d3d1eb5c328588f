//! A conversion that failed, and the path that its error names.

use std::borrow::Cow;

use crate::error::{Error, JsException};

/// One step from the root to the place of an error.
#[derive(Debug)]
pub(super) enum Step {
    /// A property or a map key.
    Key(String),
    /// An array index, set member or argument.
    Index(usize),
}

/// A conversion that failed; each level adds its step while the error travels up, so that success costs nothing.
#[derive(Debug)]
pub(super) struct Failure {
    /// Innermost step first.
    pub(super) steps: Vec<Step>,
    /// What is wrong.
    pub(super) reason: String,
    /// What a getter or trap threw.
    pub(super) cause: Option<Box<JsException>>,
    /// User code threw, or V8 is terminating: whoever holds the `TryCatch` says which.
    pub(super) thrown: bool,
}

impl Failure {
    pub(super) fn new(reason: impl Into<String>) -> Box<Self> {
        Box::new(Self { steps: Vec::new(), reason: reason.into(), cause: None, thrown: false })
    }

    pub(super) fn thrown() -> Box<Self> {
        Box::new(Self { thrown: true, ..*Self::new("reading it failed") })
    }

    pub(super) fn at(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.steps.push(step);
        self
    }

    /// The error a caller sees.
    pub(super) fn into_error(self) -> Error {
        let mut path = String::from("$");
        for step in self.steps.iter().rev() {
            match step {
                Step::Key(key) if is_name(key) => {
                    path.push('.');
                    path.push_str(key);
                }
                Step::Key(key) => {
                    path.push_str(&format!("[{:?}]", shorten(key)));
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
            if path.len() > 300 {
                path.push_str("...");
                break;
            }
        }
        Error::Conversion { path, reason: self.reason, cause: self.cause }
    }
}

/// A key as paths show it, with its beginning only when it is long.
#[must_use]
pub fn shorten(key: &str) -> Cow<'_, str> {
    /// Characters that are shown.
    const MOST: usize = 80;
    match key.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &key[..end]).into(),
        None => key.into(),
    }
}

/// Whether a key reads well after a dot.
fn is_name(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '$')
        && key.len() <= 64
}

#[cfg(test)]
mod tests {
    use super::{Failure, Step};
    use crate::error::Error;

    #[test]
    fn paths_read_from_the_root() {
        let failure = Failure::new("no").at(Step::Key("a b".into())).at(Step::Index(3)).at(Step::Key("users".into()));
        match failure.into_error() {
            Error::Conversion { path, .. } => assert_eq!(path, "$.users[3][\"a b\"]"),
            other => panic!("{other:?}"),
        }
    }
}
