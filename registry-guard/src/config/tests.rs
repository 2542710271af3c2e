use super::*;
use crate::policy::Quota;

const FULL: &str = r#"
interfaces = ["eth0"]
hotplug-interfaces = ["eth1"]
xdp-mode = "native"

[vxlan]
port = 8472
trusted-vteps = ["192.0.2.11", "192.0.2.12/31", "2001:db8::/64"]

[events]
per-second = 7

[limits]
rules = 1000

[[registry]]
name = "Contoso"
login-server = "contoso.example.com"
listen = ["203.0.113.10:443", "[2001:db8::10]:443"]
data-endpoints = [{ name = "contoso.local.data.example.com", region = "local", listen = ["203.0.113.10:5443"] }]
deny-response = "reset"
udp = "judge"
private-ip-rules = "allow"

[[registry]]
name = "fabrikam"
login-server = "fabrikam.example.com:5000"
listen = ["0.0.0.0:5000"]
"#;

const DENIALS: &str = r#"
hotplug-interfaces = ["eth1"]
tunnels = ["wg0"]

[responder]
user = "responder"

[service-tags]
watch = "/var/lib/service-tags"
cloud = "Public"

[[trusted-service]]
name = "ci"
prefixes = ["198.51.100.0/24", "2001:db8:1::/48"]

[[registry]]
name = "contoso"
login-server = "contoso.example.com"
listen = ["203.0.113.10:443"]
certificate = "/etc/ssl/contoso.pem"
key = "/etc/ssl/contoso.key"
forbidden-at = "token"
help = "https://example.com/access"
budget = { per-source = 3, total = 30 }
netns = "/run/netns/contoso"
netns-listen = ["0.0.0.0:5000"]
allow-local = true
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("config.toml"), text)
}

/// The error for the full configuration with `from` made into `to`.
fn broken(from: &str, to: &str) -> String {
    broken_in(FULL, from, to)
}

#[track_caller]
fn broken_in(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    let error = parse(&text.replacen(from, to, 1));
    error.expect_err(&format!("{to} is accepted")).to_string()
}

#[track_caller]
fn assert_starts(message: &str, words: &str) {
    assert!(message.starts_with(words), "{message}");
}

#[test]
fn every_setting_is_read() {
    let config = parse(FULL).unwrap();
    assert_eq!(config.interfaces, ["eth0"]);
    assert_eq!(config.hotplug_interfaces, ["eth1"]);
    assert_eq!(config.xdp_mode, XdpMode::Native);
    let vteps = ["192.0.2.11/32", "192.0.2.12/31", "2001:db8::/64"].map(|vtep| vtep.parse().unwrap());
    assert_eq!(config.vxlan, Vxlan { port: 8472, trusted_vteps: vteps.into() });
    assert_eq!((config.events.per_second, config.limits.rules), (7, 1000));
    let contoso = config.registry("contoso").unwrap();
    assert_eq!(contoso.name, "Contoso");
    assert_eq!(contoso.listen, ["203.0.113.10:443".parse().unwrap(), "[2001:db8::10]:443".parse().unwrap()]);
    assert_eq!(contoso.data_endpoints[0].region, "local");
    assert_eq!((contoso.deny_response, contoso.udp), (DenyResponse::Reset, UdpPolicy::Judge));
    let limits = config.policy_limits();
    assert!(limits.allows_private("CONTOSO") && !limits.allows_private("fabrikam"));
    assert_eq!(config.registry_names(), ["Contoso", "fabrikam"]);
}

#[test]
fn everything_about_denials_is_read() {
    let config = parse(DENIALS).unwrap();
    let contoso = config.registry("contoso").unwrap();
    let certificate = Certificate { chain: "/etc/ssl/contoso.pem".into(), key: "/etc/ssl/contoso.key".into() };
    assert_eq!(contoso.certificate, Some(certificate));
    assert_eq!(
        (contoso.forbidden_at, contoso.help.as_deref()),
        (ForbiddenAt::Token, Some("https://example.com/access"))
    );
    assert_eq!(contoso.budget, Budget { per_source: 3, total: 30 });
    let netns = Netns { path: "/run/netns/contoso".into(), listen: vec!["0.0.0.0:5000".parse().unwrap()] };
    assert_eq!(contoso.netns, Some(netns));
    assert!(contoso.allow_local);
    assert_eq!((config.tunnels.as_slice(), config.responder.user.as_str()), (&["wg0".to_owned()][..], "responder"));
    let prefixes = ["198.51.100.0/24", "2001:db8:1::/48"].map(|prefix| prefix.parse().unwrap());
    assert_eq!(config.trusted_services, [TrustedService { name: "ci".to_owned(), prefixes: prefixes.into() }]);
    assert_eq!(config.namespaces(), [Path::new("/run/netns/contoso")]);
}

#[test]
fn half_a_pair_is_refused() {
    for (left_out, missing) in [
        ("key = \"/etc/ssl/contoso.key\"\n", "registry.key"),
        ("certificate = \"/etc/ssl/contoso.pem\"\n", "registry.certificate"),
        ("netns = \"/run/netns/contoso\"\n", "registry.netns"),
        ("netns-listen = [\"0.0.0.0:5000\"]\n", "registry.netns-listen"),
    ] {
        let message = broken_in(DENIALS, left_out, "");
        assert!(message.contains(missing), "{message}");
    }
}

#[test]
fn what_cannot_be_a_denial_is_refused() {
    for (from, to, field) in [
        ("forbidden-at = \"token\"", "forbidden-at = \"C\"", "every-path, token"),
        ("help = \"https://example.com/access\"", "help = \"\"", "registry.help"),
        ("per-source = 3", "per-source = 9000", "0 to 8192"),
        ("/etc/ssl/contoso.pem", "contoso.pem", "is not an absolute path"),
        ("user = \"responder\"", "user = \"root\"", "responder.user"),
        ("name = \"ci\"", "name = \"c i\"", "trusted-service.name"),
        ("\"198.51.100.0/24\", ", "\"198.51.100.1/24\", ", "198.51.100.0/24"),
        ("tunnels = [\"wg0\"]", "tunnels = [\"w g\"]", "tunnels"),
        ("allow-local = true", "allow-local = \"yes\"", "boolean"),
    ] {
        let message = broken_in(DENIALS, from, to);
        assert!(message.contains(field), "{to}: {message}");
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let text = "hotplug-interfaces = ['eth0']\n[[registry]]\nname = 'contoso'\nlogin-server = 'contoso.example.com'\n\
                listen = ['[::]:443']\n";
    let config = parse(text).unwrap();
    assert_eq!(config.xdp_mode, XdpMode::Auto);
    assert_eq!(config.vxlan, Vxlan { port: 4789, trusted_vteps: Vec::new() });
    assert_eq!((config.events.per_second, config.limits.rules), (100, 2_097_152));
    let registry = &config.registries[0];
    assert_eq!((registry.deny_response, registry.udp), (DenyResponse::Forbidden, UdpPolicy::Deny));
    assert!(!registry.private_ip_rules && registry.data_endpoints.is_empty());
    assert_eq!(registry.quota, Quota::default());
    assert_eq!((registry.certificate.as_ref(), registry.netns.as_ref()), (None, None));
    assert_eq!((registry.forbidden_at, registry.budget), (ForbiddenAt::EveryPath, Budget::DEFAULT));
    assert!(!registry.allow_local && config.trusted_services.is_empty());
    assert_eq!(config.responder.user, Responder::DEFAULT_USER);
    assert_eq!(config.service_tags, ServiceTags::default());
}

#[test]
fn a_quota_is_a_word_or_a_number_for_each_kind() {
    let quota = |line: &str| {
        let text = format!(
            "hotplug-interfaces = ['eth0']\n[[registry]]\nname = 'contoso'\nlogin-server = 'contoso.example.com'\n\
             listen = ['[::]:443']\n{line}\n"
        );
        parse(&text).map(|config| config.policy_limits().quota("CONTOSO")).map_err(|error| error.to_string())
    };
    let of = |ip_rules, subnet_rules| Ok(Quota { ip_rules, subnet_rules });
    for (line, expected) in [
        ("", of(None, None)),
        ("quota = 'none'", of(None, None)),
        ("quota = 'acr'", of(Some(100), Some(100))),
        ("quota = { ip-rules = 200 }", of(Some(200), None)),
        ("quota = { ip-rules = 0, virtual-network-rules = 7 }", of(Some(0), Some(7))),
    ] {
        assert_eq!(quota(line), expected, "{line}");
    }
    for (line, words) in [
        ("quota = 'ACR'", "config.toml:6: registry.quota: `ACR` is not known; accepted: \"none\", \"acr\", or a table"),
        ("quota = 100", "config.toml:6: registry.quota: `100` is not known"),
        ("quota = { ip-rules = -1 }", "config.toml:6: registry.quota.ip-rules: `-1` is out of range; accepted: 0 to"),
        ("quota = { ip-rules = 'many' }", "registry.quota.ip-rules: `many` is out of range"),
        ("quota = { ip-rules = 4294967296 }", "registry.quota.ip-rules: `4294967296` is out of range"),
        ("quota = { subnet-rules = 1 }", "registry.quota.subnet-rules: `1` is of no known kind; accepted:"),
    ] {
        let message = quota(line).unwrap_err();
        assert!(message.contains(words), "{line}: {message}");
    }
}

#[test]
fn a_data_endpoint_without_a_name_has_the_one_that_azure_would_give_it() {
    let name = |server: &str, port: u16| {
        let text = format!(
            "hotplug-interfaces = ['eth0']\n[[registry]]\nname = 'Contoso'\nlogin-server = '{server}'\n\
             listen = ['203.0.113.10:443']\ndata-endpoints = [{{ region = 'local', listen = ['203.0.113.11:{port}'] }}]\n"
        );
        parse(&text)
            .map(|config| config.registries[0].data_endpoints[0].name.clone())
            .map_err(|error| error.to_string())
    };
    assert_eq!(name("contoso.example.com", 443).unwrap(), "contoso.local.data.example.com");
    assert_eq!(name("images.lab.example.com:8443", 5443).unwrap(), "contoso.local.data.lab.example.com:5443");
    assert_starts(&name("registry", 443).unwrap_err(), "config.toml:6: registry.data-endpoints.name: missing");
}

#[test]
fn an_unknown_field_is_named_with_its_line_wherever_it_stands() {
    for (from, to, words) in [
        ("xdp-mode", "xdp-modus", "config.toml:4: unknown field `xdp-modus`"),
        ("port = 8472", "ports = 8472", "config.toml:7: unknown field `ports`"),
        ("per-second", "per-minute", "config.toml:11: unknown field `per-minute`"),
        ("rules = 1000", "rule = 1000", "config.toml:14: unknown field `rule`"),
        ("deny-response", "deny-answer", "config.toml:21: unknown field `deny-answer`"),
        ("region =", "area =", "config.toml:20: unknown field `area`"),
        ("[events]", "[event]", "config.toml:10: unknown field `event`"),
    ] {
        assert_starts(&broken(from, to), words);
    }
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    assert_starts(&broken("[\"eth0\"]", "[\"eth0\""), "config.toml:");
    assert_starts(&broken("rules = 1000", "rules = "), "config.toml:14: ");
    assert_starts(&broken("rules = 1000", "rules = 'many'"), "config.toml:14: invalid type: string \"many\"");
    assert!(broken("rules = 1000", "rules = 'many'").ends_with("in `rules = 'many'`"));
    assert_starts(
        &broken("xdp-mode = \"native\"", "xdp-mode = \"native\"\nxdp-mode = \"auto\""),
        "config.toml:5: duplicate key",
    );
}

#[test]
fn a_number_out_of_range_is_refused() {
    for (from, to, words) in [
        ("8472", "0", "config.toml:7: vxlan.port: `0` is out of range; accepted: 1 to 65535"),
        ("8472", "65536", "config.toml:7: vxlan.port: `65536` is out of range"),
        ("8472", "-1", "config.toml:7: vxlan.port: `-1` is out of range"),
        ("= 7", "= -7", "config.toml:11: events.per-second: `-7` is out of range; accepted: 0 to 1000000"),
        ("1000", "0", "config.toml:14: limits.rules: `0` is out of range; accepted: 1 to 16777216"),
        ("1000", "99999999999", "config.toml:14: limits.rules: `99999999999` is out of range"),
    ] {
        assert_starts(&broken(from, to), words);
    }
}

#[test]
fn a_word_of_a_closed_set_is_written_exactly() {
    for (from, to, words) in [
        ("native", "Native", "config.toml:4: xdp-mode: `Native` is not known; accepted: auto, native, generic"),
        (
            "reset",
            "refused",
            "config.toml:21: registry.deny-response: `refused` is not known; accepted: forbidden, drop, reset",
        ),
        ("judge", "allow", "config.toml:22: registry.udp: `allow` is not known; accepted: deny, judge"),
        (
            "= \"allow\"",
            "= \"\"",
            "config.toml:23: registry.private-ip-rules: `` is not known; accepted: refuse, allow",
        ),
    ] {
        assert_starts(&broken(from, to), words);
    }
}

#[test]
fn interfaces_are_real_names_named_once() {
    for bad in ["", "a/b", "eth0:1", "a b", "interface-too-long", ".", "..", "eth0\\n"] {
        let message = broken("[\"eth0\"]", &format!("[\"{bad}\"]"));
        assert_starts(&message, &format!("config.toml:2: interfaces: `{bad}` is not the name of an interface"));
    }
    assert_starts(&broken("eth0", "lo"), "config.toml:2: interfaces: `lo` carries only local traffic");
    assert_starts(&broken("eth1", "eth0"), "config.toml:3: hotplug-interfaces: `eth0` is named twice");
    assert_starts(&broken("\"eth0\"", "\"eth0\", \"eth0\""), "config.toml:2: interfaces: `eth0` is named twice");
    let none = "[[registry]]\nname = 'contoso'\nlogin-server = 'contoso.example.com'\nlisten = ['[::]:443']\n";
    assert_starts(&parse(none).unwrap_err().to_string(), "config.toml:1: interfaces: missing");
}

#[test]
fn a_file_that_says_nothing_guards_nothing_and_one_that_says_something_has_to_say_enough() {
    let nothing = parse("# Nothing yet.\n[vxlan]\nport = 4790\n").unwrap();
    assert!(nothing.guards_nothing() && nothing.interfaces.is_empty());
    assert!(!parse(FULL).unwrap().guards_nothing());
    assert_starts(
        &parse("hotplug-interfaces = ['eth0']\n").unwrap_err().to_string(),
        "config.toml:2: registry: missing",
    );
}

#[test]
fn the_readers_are_a_group() {
    assert_eq!(parse(FULL).unwrap().socket.readers.group(), "registry-guard");
    let named = parse(&format!("{FULL}\n[socket]\nreaders = 'ops'\n")).unwrap();
    assert_eq!(named.socket.readers, Readers::Group("ops".to_owned()));
    for bad in ["", "a b", "wheel:x", "0123456789012345678901234567890123"] {
        let message = parse(&format!("[socket]\nreaders = '{bad}'\n")).unwrap_err().to_string();
        assert_starts(&message, &format!("config.toml:2: socket.readers: `{bad}` is not the name of a group"));
    }
}

#[test]
fn a_vtep_is_a_unicast_address_or_prefix() {
    for (bad, problem) in [
        ("192.0.2.11/24", "has host bits set, did you mean 192.0.2.0/24?"),
        ("vtep.example.com", "is not an IP address or prefix"),
        ("", "is not an IP address or prefix"),
        ("192.0.2.11/33", "has a prefix length above 32"),
        ("::ffff:192.0.2.11", "is IPv4-mapped"),
        ("224.0.0.1", "is multicast"),
        ("0.0.0.0", "is unspecified"),
    ] {
        let message = broken("\"192.0.2.11\"", &format!("\"{bad}\""));
        assert_starts(&message, &format!("config.toml:8: vxlan.trusted-vteps: `{bad}` {problem}"));
    }
}

#[test]
fn to_believe_everyone_is_noticed_however_it_is_written() {
    let trusts = |vteps: &str| parse(&FULL.replace("\"192.0.2.11\"", vteps)).unwrap().vxlan.trusts_everyone();
    assert!(!trusts("\"192.0.2.11\"") && !trusts("\"0.0.0.0/1\""));
    for everyone in ["\"0.0.0.0/0\"", "\"::/0\"", "\"0.0.0.0/1\", \"128.0.0.0/1\""] {
        assert!(trusts(everyone), "{everyone}");
    }
}

#[test]
fn a_registry_is_named_once_with_letters_and_digits() {
    for bad in ["abcd", "con-toso", ""] {
        let message = broken("\"Contoso\"", &format!("\"{bad}\""));
        assert_starts(&message, &format!("config.toml:17: registry.name: `{bad}` is not a registry's name"));
    }
    assert_starts(&broken("fabrikam", "CONTOSO"), "config.toml:26: registry.name: `CONTOSO` is the name of an earlier");
    assert_starts(&parse("interfaces = ['eth0']\n").unwrap_err().to_string(), "config.toml:2: registry: missing");
}

#[test]
fn what_a_registry_needs_is_missed_at_its_table() {
    for (from, field) in [
        ("name = \"Contoso\"", "registry.name"),
        ("login-server = \"contoso.example.com\"", "registry.login-server"),
        ("listen = [\"203.0.113.10:443\", \"[2001:db8::10]:443\"]", "registry.listen"),
    ] {
        assert_starts(&broken(from, ""), &format!("config.toml:16: {field}: missing; accepted: "));
    }
    assert_starts(&broken(", region = \"local\"", ""), "config.toml:20: registry.data-endpoints.region: missing");
    assert_starts(&broken("\"203.0.113.10:5443\"", ""), "config.toml:20: registry.data-endpoints.listen: missing");
    assert_starts(&broken("\"local\"", "\"lo cal\""), "config.toml:20: registry.data-endpoints.region: `lo cal`");
}

#[test]
fn a_host_name_is_one_that_clients_can_write() {
    for bad in [
        "",
        "https://contoso.example.com",
        "contoso.example.com/",
        "contoso..com",
        "-a.com",
        "a_b.com",
        "a.com:0",
        "a.com:",
        "a.com:+5",
        "a.com:99999",
        "a b",
    ] {
        let message = broken("\"contoso.example.com\"", &format!("\"{bad}\""));
        assert_starts(&message, &format!("config.toml:18: registry.login-server: `{bad}` is not a host name"));
    }
}

#[test]
fn an_endpoint_is_an_address_and_a_port() {
    for (bad, problem) in [
        (":443", "is not an address and a port"),
        ("203.0.113.10", "is not an address and a port"),
        ("2001:db8::10:443x", "is not an address and a port"),
        ("contoso.example.com:443", "is not an address and a port"),
        ("203.0.113.10:65536", "is not an address and a port"),
        ("*:443", "is not an address and a port"),
        ("203.0.113.10:0", "has port 0"),
        ("203.0.113.10:8472", "has the port of VXLAN"),
        ("[fe80::1%2]:443", "has a scope"),
        ("[::ffff:203.0.113.10]:443", "is an IPv4-mapped address; accepted: 203.0.113.10:443"),
        ("224.0.0.1:443", "is a multicast address"),
        ("[2001:db8::10]:443", "is named twice"),
    ] {
        let message =
            broken("\"203.0.113.10:443\", \"[2001:db8::10]:443\"", &format!("\"[2001:db8::10]:443\", \"{bad}\""));
        assert_starts(&message, &format!("config.toml:19: registry.listen: `{bad}` {problem}"));
    }
}

#[test]
fn no_connection_belongs_to_two_registries() {
    for (first, second, both) in [
        ("203.0.113.10:443", "203.0.113.10:443", true),
        ("203.0.113.10:443", "203.0.113.10:444", false),
        ("203.0.113.10:443", "203.0.113.11:443", false),
        ("203.0.113.10:443", "0.0.0.0:443", true),
        ("0.0.0.0:443", "203.0.113.10:443", true),
        ("203.0.113.10:443", "[::]:443", true),
        ("[::]:443", "0.0.0.0:443", true),
        ("[::]:443", "[2001:db8::1]:443", true),
        ("0.0.0.0:443", "[2001:db8::1]:443", false),
    ] {
        let text = FULL
            .replace("\"203.0.113.10:443\", \"[2001:db8::10]:443\"", &format!("\"{first}\""))
            .replace("0.0.0.0:5000", second);
        match parse(&text) {
            Ok(_) => assert!(!both, "{first} and {second}"),
            Err(error) => {
                assert!(both, "{error}");
                let words = format!("`{second}` of registry `fabrikam` overlaps {first} of registry `Contoso`");
                assert!(error.to_string().contains(&words), "{error}");
            }
        }
    }
    let message = broken("0.0.0.0:5000", "0.0.0.0:5443");
    assert!(message.contains("overlaps 203.0.113.10:5443 of registry `Contoso`"), "{message}");
}

#[test]
fn a_data_endpoint_may_share_the_address_of_its_own_registry() {
    assert!(parse(&FULL.replace(":5443", ":443")).is_ok());
}

#[test]
fn too_many_registries_or_endpoints_are_refused() {
    use std::fmt::Write;
    let with = |count: usize| {
        (0..count).fold("interfaces = ['eth0']\n".to_owned(), |mut text, n| {
            let table = "[[registry]]\nlogin-server = 'a.example.com'";
            writeln!(text, "{table}\nname = 'registry{n}'\nlisten = ['203.0.113.10:{}']", 1000 + n).unwrap();
            text
        })
    };
    assert_eq!(parse(&with(64)).unwrap().registries.len(), 64);
    let message = parse(&with(65)).unwrap_err().to_string();
    assert!(message.contains("registry: `65` registries are too many; accepted: at most 64"), "{message}");

    let listening = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("'203.0.113.10:{}'", 10_000 + n)).collect();
        parse(&FULL.replace("\"0.0.0.0:5000\"", &list.join(", ")))
    };
    assert!(listening(1021).is_ok());
    let message = listening(1022).unwrap_err().to_string();
    assert!(message.contains("`1025` addresses over all registries are too many; accepted: at most 1024"), "{message}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("config.toml");
    assert!(Config::load(&missing).unwrap_err().to_string().contains("config.toml: cannot be read: No such file"));
    assert!(Config::load(folder.path()).unwrap_err().to_string().contains("cannot be read: Is a directory"));
    std::fs::write(&missing, b"interfaces = ['\xff']").unwrap();
    assert!(Config::load(&missing).unwrap_err().to_string().contains("UTF-8"));
    for cut in 0..FULL.len() {
        std::fs::write(&missing, &FULL.as_bytes()[..cut]).unwrap();
        if let Err(error) = Config::load(&missing) {
            assert!(error.to_string().contains("config.toml:"), "{error}");
        }
    }
    std::fs::write(&missing, FULL).unwrap();
    assert_eq!(Config::load(&missing).unwrap(), parse(FULL).unwrap());
}

#[test]
fn a_private_endpoint_may_be_wherever_the_registry_or_its_data_endpoints_listen() {
    let limits = parse(FULL).unwrap().policy_limits();
    let listens = |registry: &str, address: &str| limits.listens(registry, &address.parse().unwrap());
    for address in ["203.0.113.10", "2001:db8::10"] {
        assert!(listens("CONTOSO", address), "{address}");
    }
    assert!(!listens("contoso", "203.0.113.11"));
    assert_eq!(limits.listening("contoso").len(), 2, "the data endpoint has an address of the registry");
    assert!(listens("fabrikam", "10.1.0.4") && !listens("fabrikam", "2001:db8::10"), "a wildcard of one family");
    assert!(!listens("nobody", "203.0.113.10"));
}

#[test]
fn service_tags_come_from_an_absolute_path_and_a_cloud_with_a_name() {
    let config = parse(DENIALS).unwrap();
    assert_eq!(config.service_tags.watch.as_deref(), Some(Path::new("/var/lib/service-tags")));
    assert_eq!(config.policy_limits().service_tags_cloud.as_deref(), Some("Public"));
    for (from, to, words) in [
        ("\"/var/lib/service-tags\"", "\"tags\"", "service-tags.watch: `tags` is not an absolute path"),
        ("\"Public\"", "\"\"", "service-tags.cloud: `` is not the name of a cloud"),
        ("cloud =", "clouds =", "unknown field `clouds`"),
    ] {
        let message = broken_in(DENIALS, from, to);
        assert!(message.contains(words), "{message}");
    }
}
