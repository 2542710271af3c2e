//! `responder`.

use crate::cli::arguments::ResponderArguments;
use crate::cli::failure::Failure;
use crate::logging::log_to_standard_error;
use crate::responder::{self, Options};

/// Answers denied clients until the process is told to stop. There must be no other thread.
pub(crate) fn responder(arguments: ResponderArguments) -> Result<(), Failure> {
    let ResponderArguments { user, responder_socket } = arguments;
    log_to_standard_error();
    responder::run(&Options { user, socket: responder_socket }).map_err(|error| Failure::Local(format!("{error:#}")))
}
