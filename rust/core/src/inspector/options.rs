//! How an isolate is offered to debuggers: plain data.

/// Where and how an isolate's inspector is reached.
#[derive(Debug, Clone)]
pub struct InspectorOptions {
    /// Address to listen on: an IP address, or `localhost`.
    pub host: String,
    /// Port to listen on; 0 picks a free one.
    pub port: u16,
    /// User code runs when a client has connected and said that it may.
    pub wait_for_connection: bool,
    /// The first client's debugger pauses at the next statement.
    pub break_on_next_statement: bool,
    /// What clients show as the URL of the isolate.
    pub target_url: Option<String>,
    /// What clients show as its name.
    pub display_name: Option<String>,
}
