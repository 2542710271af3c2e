//! From a parsed command to the function that carries it out.

use std::path::PathBuf;
use std::time::Duration;

use super::arguments::{
    Arguments, Command, ManagementCommand, NetworkCommand, NetworkRuleCommand, OperationCommand, OutputArguments,
    PrivateEndpointCommand, ResponderArguments, ServiceTagCommand, SubnetCommand, VirtualNetworkCommand,
};
use super::client::Client;
use super::commands::{
    Session, agent, check, check_health, check_host, client_rules, completions, events, history, management, manual,
    network_rule, operation, policy, private_endpoint, registry, service_tag, subnet, virtual_network,
};
use super::failure::Failure;
use super::terminal::Terminal;

/// What is left to do for the main thread.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing.
    Done,
    /// To be the responder. It gives up privileges, some of which belong to threads: it runs when no other thread is left.
    Respond(ResponderArguments),
}

/// Carries out one command, but for the one that is the main thread's.
pub(crate) async fn dispatch(arguments: Arguments, terminal: &mut Terminal) -> Result<Next, Failure> {
    let socket = Agent { socket: arguments.socket, patience: Duration::from_secs(arguments.agent_timeout.into()) };
    let done = match arguments.command {
        Command::Run(run) => agent::run(run, socket.socket).await,
        Command::Responder(it) => return Ok(Next::Respond(it)),
        Command::Reload(it) => agent::reload(session(terminal, socket, it.output)).await,
        Command::CheckHost(it) => check_host::check_host(session(terminal, socket, it.output), &it.config),
        Command::Show(it) => registry::show(session(terminal, socket, it.output), &it.name).await,
        Command::List(it) => registry::list(session(terminal, socket, it.output)).await,
        Command::Update(it) => {
            registry::update(
                session(terminal, socket, it.output).confirming(it.terms),
                &it.name,
                &it.settings,
                it.terms.if_match,
            )
            .await
        }
        Command::Restore(it) => {
            let session = session(terminal, socket, it.output).confirming(it.terms);
            match (it.name, it.from) {
                (Some(name), _) => policy::restore(session, &name, it.yes, it.terms.if_match).await,
                (None, Some(from)) => policy::restore_from(session, &from, it.yes, it.terms.if_match).await,
                (None, None) => policy::copies(session).await,
            }
        }
        Command::Export(it) => policy::export(session(terminal, socket, it.output), it.name.as_deref()).await,
        Command::Apply(it) => {
            let manner = policy::Manner { dry_run: it.dry_run, no_wait: it.no_wait };
            policy::apply(
                session(terminal, socket, it.output).confirming(it.terms),
                &it.file,
                manner,
                it.terms.if_match,
            )
            .await
        }
        Command::History(it) => {
            history::history(session(terminal, socket, it.output), it.name.as_deref(), it.top).await
        }
        Command::Diff(it) => history::diff(session(terminal, socket, it.output), it.from, it.to).await,
        Command::Rollback(it) => {
            let session = session(terminal, socket, it.output).confirming(it.terms);
            history::rollback(session, it.to, it.dry_run, it.yes, it.terms.if_match).await
        }
        Command::Confirm(it) => history::confirm(session(terminal, socket, it.output), it.revision).await,
        Command::Operation(OperationCommand::List(it)) => operation::list(session(terminal, socket, it.output)).await,
        Command::Operation(OperationCommand::Show(it)) => {
            operation::show(session(terminal, socket, it.output), &it.id).await
        }
        Command::Operation(OperationCommand::Wait(it)) => {
            operation::wait(session(terminal, socket, it.output), it.id.as_deref()).await
        }
        Command::ShowEndpoints(it) => registry::show_endpoints(session(terminal, socket, it.output), &it.name).await,
        Command::ClientRules(it) => {
            client_rules::client_rules(session(terminal, socket, it.output), &it.name, it.format, &it.service_tags)
                .await
        }
        Command::NetworkRule(command) => dispatch_network_rule(command, socket, terminal).await,
        Command::ServiceTag(command) => dispatch_service_tag(command, socket, terminal).await,
        Command::PrivateEndpointConnection(command) => dispatch_private_endpoint(command, socket, terminal).await,
        Command::Network(NetworkCommand::Vnet(command)) => dispatch_network(command, socket, terminal).await,
        Command::Check(it) => {
            let session = session(terminal, socket, it.output);
            check::check(session, &it.name, it.source, it.vni, it.destination).await
        }
        Command::CheckHealth(mut it) => {
            let (output, lines) = it.take_output();
            check_health::check_health(session(terminal, socket, output), it, lines).await
        }
        Command::Events(it) if it.follow => {
            events::follow(session(terminal, socket, it.output), it.name.as_deref()).await
        }
        Command::Events(it) => events::list(session(terminal, socket, it.output), it.name.as_deref()).await,
        Command::Status(it) => agent::status(session(terminal, socket, it.output)).await,
        Command::Management(ManagementCommand::HashSecret) => management::hash_secret(terminal),
        Command::Detach(it) => agent::detach(session(terminal, socket, it.output), &it.pins).await,
        Command::Completions(it) => completions::completions(it.shell, terminal),
        Command::Man(it) => match it.directory {
            Some(folder) => manual::write(&folder, terminal),
            None => manual::print(&it.words, terminal),
        },
    };
    done.map(|()| Next::Done)
}

async fn dispatch_network_rule(
    command: NetworkRuleCommand,
    socket: Agent,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    match command {
        NetworkRuleCommand::Add(it) => {
            let source = it.target.source()?;
            let session = session(terminal, socket, it.output).confirming(it.terms);
            network_rule::add(session, &it.name, &source, it.action, it.terms.if_match).await
        }
        NetworkRuleCommand::List(it) => {
            network_rule::list(session(terminal, socket, it.output), &it.name, it.hits).await
        }
        NetworkRuleCommand::Remove(it) => {
            let source = it.target.source()?;
            network_rule::remove(
                session(terminal, socket, it.output).confirming(it.terms),
                &it.name,
                &source,
                it.terms.if_match,
            )
            .await
        }
    }
}

async fn dispatch_service_tag(
    command: ServiceTagCommand,
    socket: Agent,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    match command {
        ServiceTagCommand::Import(it) => {
            service_tag::import(
                session(terminal, socket, it.output).confirming(it.terms),
                &it.file,
                it.prefixes,
                it.terms.if_match,
            )
            .await
        }
        ServiceTagCommand::List(it) => service_tag::list(session(terminal, socket, it.output)).await,
        ServiceTagCommand::Show(it) => service_tag::show(session(terminal, socket, it.output), &it.name).await,
    }
}

async fn dispatch_private_endpoint(
    command: PrivateEndpointCommand,
    socket: Agent,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    match command {
        PrivateEndpointCommand::Create(it) => {
            let session = session(terminal, socket, it.output).confirming(it.terms);
            private_endpoint::create(session, &it.endpoint, &it.vnet_name, it.ip_address, it.terms.if_match).await
        }
        PrivateEndpointCommand::List(it) => {
            private_endpoint::list(session(terminal, socket, it.output), &it.registry_name).await
        }
        PrivateEndpointCommand::Show(it) => {
            private_endpoint::show(session(terminal, socket, it.output), &it.endpoint).await
        }
        PrivateEndpointCommand::Approve(it) => {
            let session = session(terminal, socket, it.output).confirming(it.decision.terms);
            private_endpoint::decide(session, "Approved", &it.decision).await
        }
        PrivateEndpointCommand::Reject(it) => {
            let session = session(terminal, socket, it.output).confirming(it.decision.terms);
            private_endpoint::decide(session, "Rejected", &it.decision).await
        }
        PrivateEndpointCommand::Delete(it) => {
            private_endpoint::delete(
                session(terminal, socket, it.output).confirming(it.terms),
                &it.endpoint,
                it.terms.if_match,
            )
            .await
        }
    }
}

async fn dispatch_network(
    command: VirtualNetworkCommand,
    socket: Agent,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    match command {
        VirtualNetworkCommand::Create(it) => {
            let session = session(terminal, socket, it.output).confirming(it.terms);
            virtual_network::create(session, &it.name, it.vni, &it.address_prefixes, it.terms.if_match).await
        }
        VirtualNetworkCommand::List(it) => virtual_network::list(session(terminal, socket, it.output)).await,
        VirtualNetworkCommand::Show(it) => virtual_network::show(session(terminal, socket, it.output), &it.name).await,
        VirtualNetworkCommand::Update(it) => {
            let session = session(terminal, socket, it.output).confirming(it.terms);
            virtual_network::update(session, &it.name, &it.settings, it.terms.if_match).await
        }
        VirtualNetworkCommand::Delete(it) => {
            virtual_network::delete(
                session(terminal, socket, it.output).confirming(it.terms),
                &it.name,
                it.terms.if_match,
            )
            .await
        }
        VirtualNetworkCommand::Subnet(command) => dispatch_subnet(command, socket, terminal).await,
    }
}

async fn dispatch_subnet(command: SubnetCommand, socket: Agent, terminal: &mut Terminal) -> Result<(), Failure> {
    match command {
        SubnetCommand::Create(it) => {
            let session = session(terminal, socket, it.output).confirming(it.terms);
            let endpoints = it.service_endpoints.unwrap_or_default();
            subnet::create(session, &it.vnet_name, &it.name, &it.address_prefixes, &endpoints, it.terms.if_match).await
        }
        SubnetCommand::List(it) => subnet::list(session(terminal, socket, it.output), &it.vnet_name).await,
        SubnetCommand::Show(it) => subnet::show(session(terminal, socket, it.output), &it.vnet_name, &it.name).await,
        SubnetCommand::Update(it) => {
            let session = session(terminal, socket, it.output).confirming(it.terms);
            subnet::update(session, &it.vnet_name, &it.name, &it.settings, it.terms.if_match).await
        }
        SubnetCommand::Delete(it) => {
            subnet::delete(
                session(terminal, socket, it.output).confirming(it.terms),
                &it.vnet_name,
                &it.name,
                it.terms.if_match,
            )
            .await
        }
    }
}

/// Where the agent is, and how long it may be silent.
struct Agent {
    socket: PathBuf,
    patience: Duration,
}

fn session(terminal: &mut Terminal, agent: Agent, output: OutputArguments) -> Session<'_> {
    terminal.quiet = output.only_show_errors;
    if output.shared.debug || output.shared.verbose {
        let most = if output.shared.debug { tracing::Level::DEBUG } else { tracing::Level::INFO };
        // There is one for a process; whoever set it first keeps it.
        let _ = tracing_subscriber::fmt().with_max_level(most).with_writer(std::io::stderr).try_init();
    }
    Session { client: Client::new(agent.socket, agent.patience), terminal, output }
}
