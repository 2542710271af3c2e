use serde_json::json;
use tests::net::{GuardConfig, Login, Manager, Network, Principal};

use crate::command::{Article, At, Command, LetIn, Outcome};
use crate::host::Host;

const EVERYBODY: LetIn = [true; 3];
const NOBODY: LetIn = [false; 3];
const MACHINE: LetIn = [true, false, false];
const SUBNET: LetIn = [false, false, true];

const R: &str = GuardConfig::REGISTRY;
const IP: &str = Host::MACHINE;
const GROUP: &str = "registry-guard";
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

fn at(at: At, line: impl Into<String>, outcome: Outcome, let_in: LetIn) -> Command {
    Command { line: line.into(), at, outcome, let_in }
}

fn desk(line: impl Into<String>, outcome: Outcome, let_in: LetIn) -> Command {
    at(At::Desk, line, outcome, let_in)
}

fn subnet_id() -> String {
    let (network, subnet) = (Host::VIRTUAL_NETWORK, Host::SUBNET);
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network/virtualNetworks/{network}/subnets/{subnet}"
    )
}

/// A command about the subnet.
fn subnet(verb: &str, options: &str) -> String {
    let (network, subnet) = (Host::VIRTUAL_NETWORK, Host::SUBNET);
    format!("az network vnet subnet {verb} --name {subnet} --vnet-name {network} --resource-group {GROUP} {options}")
}

/// The whole of it, in the order of the articles.
pub(crate) fn articles() -> Vec<Article> {
    vec![recipe(), virtual_network(), public_addresses(), blog(), client_firewall()]
}

/// How `az` gets to know the host.
fn recipe() -> Article {
    let (url, tenant, Principal { id, secret, .. }) = (Manager::url(), Manager::TENANT, Host::OWNER);
    let commands = vec![
        desk(format!("az cloud register -n guard --endpoint-resource-manager {url}"), Outcome::Done, EVERYBODY),
        desk("az cloud set -n guard", Outcome::Done, EVERYBODY),
        desk("az config set core.instance_discovery=false", Outcome::Done, EVERYBODY),
        desk(
            format!("az login --service-principal -u {id} -p {secret} --tenant {tenant}"),
            Outcome::Json("/0/id", json!(SUBSCRIPTION)),
            EVERYBODY,
        ),
    ];
    Article { name: "az is told where the registry's host is, and logs in", begins_anew: true, commands }
}

/// "Restrict access to a container registry using a service endpoint or firewall rules"
fn virtual_network() -> Article {
    let id = subnet_id();
    let rules = "az acr network-rule";
    let deny = format!("az acr update --name {R} --default-action Deny");
    let denied = || Outcome::Json("/networkRuleSet/defaultAction", json!("Deny"));
    let named = json!([{"Name": Host::VIRTUAL_NETWORK, "Subnet": Host::SUBNET}]);
    let list = format!(
        r#"az network vnet list --resource-group {GROUP} --query "[].{{Name: name, Subnet: subnets[0].name}}""#
    );
    let endpoint = subnet("update", "--service-endpoints Microsoft.ContainerRegistry");
    let service = json!("Microsoft.ContainerRegistry");
    let no_endpoint = subnet("update", r#"--service-endpoints """#);
    let server = Network::LOGIN_SERVER;
    let commands = vec![
        desk(format!("az account set --subscription {SUBSCRIPTION}"), Outcome::Done, EVERYBODY),
        desk("az provider register --namespace Microsoft.ContainerRegistry", Outcome::Done, EVERYBODY),
        desk(list, Outcome::Json("", named), EVERYBODY),
        desk(endpoint, Outcome::Json("/serviceEndpoints/0/service", service), EVERYBODY),
        desk(subnet("show", r#"--query "id" --output tsv"#), Outcome::Text(id.clone()), EVERYBODY),
        desk(deny.clone(), denied(), NOBODY),
        desk(format!("{rules} add --name {R} --subnet {id}"), Outcome::Done, SUBNET),
        desk(deny, denied(), SUBNET),
        desk(no_endpoint, Outcome::Json("/serviceEndpoints", json!([])), NOBODY),
        desk(format!("{rules} remove --name {R} --subnet {id}"), Outcome::Done, NOBODY),
        desk(format!("{rules} add --name {R} --ip-address {IP}"), Outcome::Done, MACHINE),
        at(At::Machine, acr_login("--name"), Outcome::Says("Login Succeeded"), MACHINE),
        at(At::Machine, format!("docker pull {server}/hello-world:v1"), Outcome::Says("hello-world:v1"), MACHINE),
        at(
            At::OtherMachine,
            acr_login("--name"),
            Outcome::Fails("Looks like you don't have access to registry"),
            MACHINE,
        ),
        at(At::OtherMachine, docker_login(), Outcome::Fails("failed with status: 403 Forbidden"), MACHINE),
        desk(
            format!("{rules} list --name {R}"),
            Outcome::Json("/ipRules", json!([{"action": "Allow", "ipAddressOrRange": IP}])),
            MACHINE,
        ),
        desk(format!("{rules} remove --name {R} --subnet {id}"), Outcome::Done, MACHINE),
        desk(format!("{rules} remove --name {R} --ip-address {IP}"), Outcome::Done, NOBODY),
        desk(
            format!("az acr update --name {R} --default-action Allow"),
            Outcome::Json("/networkRuleSet/defaultAction", json!("Allow")),
            EVERYBODY,
        ),
    ];
    Article { name: "Restrict access with a service endpoint or firewall rules", begins_anew: true, commands }
}

/// "Configure public IP network rules"
fn public_addresses() -> Article {
    let update = format!("az acr update --name {R}");
    let access = |word: &str| Outcome::Json("/publicNetworkAccess", json!(word));
    let commands = vec![
        desk(format!("{update} --default-action Deny"), Outcome::Done, NOBODY),
        desk(format!("az acr network-rule add --name {R} --ip-address {IP}"), Outcome::Done, MACHINE),
        desk(format!("{update} --public-network-enabled false"), access("Disabled"), NOBODY),
        // What it switched to Deny, the first command had denied already.
        desk(format!("{update} --public-network-enabled true"), access("Enabled"), MACHINE),
    ];
    Article { name: "Configure public IP network rules", begins_anew: true, commands }
}

/// "Protecting your Azure Container Registry by denying all requests except from allowed IP addresses"
fn blog() -> Article {
    let list = format!("az acr network-rule list -n {R}");
    let rules = |rules| Outcome::Json("/ipRules", rules);
    let own = json!([{"action": "Allow", "ipAddressOrRange": IP}]);
    let commands = vec![
        desk(format!("az acr show -n {R} -g {GROUP} --query sku"), Outcome::Json("/name", json!("Premium")), EVERYBODY),
        desk(
            format!("az acr update -n {R} -g {GROUP} --sku Premium"),
            Outcome::Json("/sku/tier", json!("Premium")),
            EVERYBODY,
        ),
        desk(list.clone(), rules(json!([])), EVERYBODY),
        desk(format!("az acr update -n {R} --default-action Deny"), Outcome::Done, NOBODY),
        at(
            At::Machine,
            format!("az acr login -n {R}"),
            Outcome::Fails("Looks like you don't have access to registry"),
            NOBODY,
        ),
        desk(format!("az acr network-rule add -n {R} --ip-address {IP}"), Outcome::Done, MACHINE),
        desk(list, rules(own), MACHINE),
        at(At::Machine, acr_login("-n"), Outcome::Says("Login Succeeded"), MACHINE),
    ];
    Article { name: "Denying all requests except from allowed IP addresses", begins_anew: true, commands }
}

/// "Configure rules to access an Azure container registry behind a firewall"
fn client_firewall() -> Article {
    let commands = vec![
        desk(
            format!("az acr update --name {R} --data-endpoint-enabled"),
            Outcome::Json("/dataEndpointEnabled", json!(true)),
            EVERYBODY,
        ),
        desk(
            format!("az acr show-endpoints --name {R}"),
            Outcome::Json("/dataEndpoints/0/region", json!("westus")),
            EVERYBODY,
        ),
    ];
    Article { name: "Rules of a client's own firewall", begins_anew: true, commands }
}

/// The articles log in with a token of Azure's that only ACR takes; any other registry has its own users.
fn acr_login(name: &str) -> String {
    let Login { user, password } = Login::BUILDER;
    format!("az acr login {name} {R} --username {user} --password {password}")
}

fn docker_login() -> String {
    let Login { user, password } = Login::BUILDER;
    format!("docker login --username {user} --password {password} {}", Network::LOGIN_SERVER)
}
