//! What wins, what is refused, and that what is printed says the same when it is read.

use std::collections::HashMap;

use super::*;

/// The settings from a file of this text, these variables and these flags.
fn effective(file: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Effective, String> {
    let dir = tempfile::tempdir().expect("there is room");
    let path = dir.path().join("c.toml");
    std::fs::write(&path, file).expect("it can be written");
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let environment = |name: &str| variables.get(name).map(OsString::from);
    layers(&Flags::of(Some(path), flags), &environment).map_err(|error| error.0)
}

#[test]
fn flags_are_over_variables_over_the_file_over_defaults() {
    let file = "[limits]\nfuel = 1\nmemory = \"1M\"\ntimeout = 3\n";
    let variables = [("COQUINA_LIMITS_MEMORY", "2M"), ("COQUINA_LIMITS_TIMEOUT", "2m")];
    let effective = effective(file, &variables, &[("limits.timeout", "500ms")]).expect("it is good");
    let limits = &effective.settings.api.limits;
    assert_eq!((limits.fuel, limits.memory_bytes, limits.wall_time_ms), (1, 2 << 20, 500));
    assert!(matches!(effective.source("limits.fuel"), Source::File(_)));
    assert_eq!(effective.source("limits.memory"), Source::Variable("COQUINA_LIMITS_MEMORY".into()));
    assert_eq!(effective.source("limits.timeout"), Source::Flag("timeout".into()));
    assert_eq!(effective.source("limits.disk"), Source::Default);
}

#[test]
fn mistakes_name_the_place_and_what_is_allowed() {
    for (file, says) in [
        ("lissten = \"x\"", &["c.toml", "no setting lissten", "listen, hosts", "models"][..]),
        ("[limits]\nfeul = 1", &["no setting limits.feul", "in [limits] there may be fuel, memory"]),
        ("[nothing]\na = 1", &["no setting nothing"]),
        ("models = 1", &["no setting models"]),
        ("limits = 1", &["no setting limits"]),
        ("[limits]\nfuel = \"lots\"", &["c.toml: limits.fuel: \"lots\" is not a whole number"]),
        ("[limits]\nfuel = -1", &["limits.fuel: -1 is not"]),
        ("[limits]\nfuel = { a = 1 }", &["limits.fuel: { a = 1 } is not"]),
        ("[limits]\nprocesses = 5_000_000_000", &["limits.processes"]),
        ("[admission]\nexecs = 0", &["admission.execs: 0 is not a whole number of at least 1"]),
        ("log = \"xml\"", &["log: \"xml\" is not one of text, json"]),
        ("in_memory = \"maybe\"", &["in_memory", "true or false"]),
        ("listen = \"localhost\"", &["an address with its port"]),
        ("hosts = [1]", &["a list of names"]),
        ("[containers]\nidle_after = \"soon\"", &["a time"]),
        ("[http]\nkeep_alive = 0", &["http.keep_alive: 0 is not a time"]),
        ("listen = ", &["c.toml", "line 1"]),
        ("[tls]\ncert = \"c.pem\"", &["tls.cert is set", "c.toml", "tls.key is not"]),
    ] {
        let error = effective(file, &[], &[]).map(|_| ()).expect_err(file);
        for part in says {
            assert!(error.contains(part), "{file}: {error}");
        }
    }
    let error = effective("", &[("COQUINA_LIMITS_FUEL", "1.5")], &[]).map(|_| ()).expect_err("no whole number");
    assert!(error.starts_with("$COQUINA_LIMITS_FUEL: \"1.5\" is not a whole number"), "{error}");
    let error = effective("", &[], &[("limits.memory", "much")]).map(|_| ()).expect_err("no size");
    assert!(error.starts_with("--memory: \"much\" is not a size"), "{error}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let flags = Flags::of(Some("/nowhere/c.toml".into()), &[]);
    let error = layers(&flags, &|_| None).map(|_| ()).expect_err("it is not there");
    assert!(error.0.contains("/nowhere/c.toml"), "{error}");
    assert!(layers(&Flags::default(), &|_| None).is_ok(), "the user's own need not be");
}

#[test]
fn tables_of_others_are_handed_on_as_they_are() {
    let file = "[models.\"gpt 5\"]\nkind = \"chat\"\napi_key_env = \"K\"\nheaders = { authorization = \"hush\" }\nn = [1, 2.5]\n";
    let mut effective = effective(file, &[], &[]).expect("it is good");
    assert_eq!(effective.settings.models["gpt 5"]["kind"].as_str(), Some("chat"));
    let printed = print::file(&mut effective);
    assert!(printed.contains("[models.\"gpt 5\"]") && printed.contains("api_key_env = \"K\""), "{printed}");
    assert!(!printed.contains("hush"), "{printed}");
}

#[test]
fn what_is_printed_says_the_same_when_it_is_read() {
    let file = "hosts = [\"a\", \"b\"]\nstore = \"/tmp/a \\\"b\"\nin_memory = true\n[limits]\nmemory = 1000\ntimeout = 1.5\n[containers]\nlog_age = \"90d\"\n[models.m]\nkind = \"chat\"\n[policy]\nsteps = 5\n[[policy.rules]]\ndecision = \"deny\"\ncommand = \"rm\"\n";
    let mut first = effective(file, &[], &[]).expect("it is good");
    let printed = print::file(&mut first);
    let mut second = effective(&printed, &[], &[]).expect("what is printed is good");
    for setting in SETTINGS {
        let (a, b) = ((setting.slot)(&mut first.settings).show(), (setting.slot)(&mut second.settings).show());
        assert_eq!(a, b, "{}", setting.key);
    }
    assert_eq!(first.settings.models, second.settings.models);
    assert_eq!(first.settings.policy, second.settings.policy);
    assert_eq!(second.settings.policy["rules"][0]["command"].as_str(), Some("rm"));
    let limits = &second.settings.api.limits;
    assert_eq!((limits.memory_bytes, limits.wall_time_ms), (1000, 1500));
}

#[test]
fn keys_flags_and_variables_are_each_one_settings() {
    for (number, setting) in SETTINGS.iter().enumerate() {
        for other in &SETTINGS[..number] {
            assert_ne!(setting.key, other.key);
            assert_ne!(setting.flag, other.flag);
            assert_ne!(setting.variable(), other.variable());
        }
    }
}
