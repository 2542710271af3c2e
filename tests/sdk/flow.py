"""Manages a registry with Microsoft's SDK for Python, as told.

Each line of standard input is a JSON list: what to do, and what with. Each is answered by one line: what the SDK
returned, as JSON, or {"error": ...} with what it raised. The environment says where the API is and who calls.
"""

import json
import os
import sys

from azure.core.exceptions import AzureError
from azure.identity import ClientSecretCredential
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistry.models import (
    IPRule,
    NetworkRuleSet,
    RegistryPropertiesUpdateParameters,
    RegistryUpdateParameters,
)
from azure.mgmt.network import NetworkManagementClient

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP = "registry-guard"
NAME = os.environ["REGISTRY"]
URL = os.environ["MANAGEMENT_URL"]
# What is refused is not asked again, so that a failure is soon known.
TRANSPORT = {"connection_verify": os.environ["REQUESTS_CA_BUNDLE"], "retry_total": 0, "read_timeout": 60}


def credential():
    """The service principal, who gets its token from the API itself."""
    return ClientSecretCredential(
        tenant_id=os.environ["AZURE_TENANT_ID"],
        client_id=os.environ["AZURE_CLIENT_ID"],
        client_secret=os.environ["AZURE_CLIENT_SECRET"],
        authority=URL,
        disable_instance_discovery=True,
        **TRANSPORT,
    )


def client(kind):
    """A client of the SDK that talks to the API under test."""
    return kind(credential(), SUBSCRIPTION, base_url=URL, credential_scopes=[URL + "/.default"], **TRANSPORT)


registries = client(ContainerRegistryManagementClient).registries
networks = client(NetworkManagementClient)


def update(**properties):
    """One PATCH of the registry."""
    parameters = RegistryUpdateParameters(properties=RegistryPropertiesUpdateParameters(**properties))
    return registries.begin_update(GROUP, NAME, parameters).result()


def rules(change):
    """What a client of Azure does to change a rule: read all of them, edit the list, send the whole of it."""
    rule_set = registries.get(GROUP, NAME).properties.network_rule_set
    change(rule_set)
    return update(network_rule_set=rule_set)


def add_ip_rule(value):
    def change(rule_set):
        rule_set.ip_rules = [*rule_set.ip_rules, IPRule(ip_address_or_range=value, action="Allow")]

    return rules(change)


def remove_ip_rule(value):
    def change(rule_set):
        rule_set.ip_rules = [rule for rule in rule_set.ip_rules if rule.ip_address_or_range != value]

    return rules(change)


def set_subnet_rules(*ids):
    def change(rule_set):
        # Version 2025-11-01 of the API has no type for them any more; its models take them as a mapping does.
        rule_set["virtualNetworkRules"] = [{"id": subnet, "action": "Allow"} for subnet in ids]

    return rules(change)


def set_service_endpoints(network, name, *services):
    subnet = networks.subnets.get(GROUP, network, name)
    subnet.service_endpoints = [{"service": service} for service in services]
    return networks.subnets.begin_create_or_update(GROUP, network, name, subnet).result()


COMMANDS = {
    "show": lambda: registries.get(GROUP, NAME),
    "list": lambda: list(registries.list()),
    "list-by-group": lambda: list(registries.list_by_resource_group(GROUP)),
    "default-action": lambda action: update(network_rule_set=NetworkRuleSet(default_action=action)),
    "public-network-access": lambda word: update(public_network_access=word),
    "bypass": lambda word: update(network_rule_bypass_options=word),
    "data-endpoints": lambda enabled: update(data_endpoint_enabled=enabled),
    "add-ip-rule": add_ip_rule,
    "remove-ip-rule": remove_ip_rule,
    "subnet-rules": set_subnet_rules,
    "networks": lambda: list(networks.virtual_networks.list_all()),
    "subnet": lambda network, name: networks.subnets.get(GROUP, network, name),
    "service-endpoints": set_service_endpoints,
}


def plain(value):
    """What the SDK returned, as JSON has it."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.as_dict() if hasattr(value, "as_dict") else value


for line in sys.stdin:
    command, *words = json.loads(line)
    try:
        answer = plain(COMMANDS[command](*words))
    except AzureError as error:
        status = getattr(error, "status_code", None)
        code = getattr(getattr(error, "error", None), "code", None)
        answer = {"error": str(error), "status": status, "code": code}
    print(json.dumps(answer), flush=True)
