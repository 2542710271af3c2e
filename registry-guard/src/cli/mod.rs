//! The command line: a client of the agent's API, with the verbs, flags, output and exit codes of `az acr`.

mod arguments;
mod client;
mod client_rules;
mod commands;
mod dispatch;
mod endpoints;
mod failure;
mod health;
mod output;
mod policy_file;
mod resolve;
mod resource_path;
mod terminal;
mod view;

#[cfg(test)]
mod stand_in_agent;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use dispatch::Next;
use failure::Failure;
use terminal::Terminal;

/// Parses the process's arguments, carries out the command and reports on standard output and standard error.
///
/// Exit codes: 0 done, 1 refused, 2 usage, 3 not found.
pub fn main() -> ExitCode {
    let thread = std::thread::Builder::new().stack_size(output::QUERY_STACK).spawn(run_this_process);
    let outcome = match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(Next::Done))) => Ok(()),
        Ok(Ok(Ok(Next::Respond(arguments)))) => commands::responder::responder(arguments),
        Ok(Ok(Err(code))) => return code,
        // The panic has been reported by its hook.
        Ok(Err(_)) => return ExitCode::FAILURE,
        Err(error) => Err(Failure::Local(format!("cannot start a thread: {error}"))),
    };
    outcome.map_or_else(|failure| report(&mut Terminal::of_this_process(), &failure), |()| ExitCode::SUCCESS)
}

/// What the main thread has to do next, or the code to exit with.
fn run_this_process() -> Result<Next, ExitCode> {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and usage errors; a reader that went away is no reason to fail differently.
            let _ = error.print();
            return Err(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)));
        }
    };
    let mut terminal = Terminal::of_this_process();
    runtime(&arguments.command)
        .map_err(|error| Failure::Local(format!("cannot start the async runtime: {error}")))
        .and_then(|runtime| runtime.block_on(dispatch::dispatch(arguments, &mut terminal)))
        .and_then(|next| terminal.finish().map(|()| next))
        .map_err(|failure| report(&mut terminal, &failure))
}

/// Says why it failed, and returns the exit code for it.
fn report(terminal: &mut Terminal, failure: &Failure) -> ExitCode {
    terminal.error(failure);
    ExitCode::from(failure.exit_code())
}

/// The daemon serves many callers at once; a client makes one or two requests and should start fast.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match command {
        Command::Run(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}
