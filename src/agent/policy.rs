//! Policies: what a run may do and use. Those of the service, of the key and of the request hold together: the strictest decides.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::budget::{Budget, Prices};
use super::item::{Item, PatchOperation};
use super::rules::{Decision, Rule, RuleError, Rules, RulesConfig, Verdict};
use crate::container::{Access, Profile};

/// Where everybody may write, whatever the profile says: it is thrown away with the container.
const SCRATCH: &str = "/tmp";

/// A policy as it is written. What is missing restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Policy)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// What commands may do to files where `paths` says nothing: `read-only`, `propose-writes` (a person decides on each step that changes files) or `full`. `/tmp` is
    /// everybody's.
    pub profile: Access,
    /// What they may do at these paths, and below them, instead: absolute paths, of which the longest decides.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub paths: BTreeMap<String, Access>,
    /// What is done with commands that no rule matches: `allow`, `ask` or `deny`.
    pub default: Decision,
    /// Rules for commands and paths; the first that matches decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Calls of the model in one response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Tokens of prompts and answers of one response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Fuel (WebAssembly instructions) of the commands of one response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Seconds that one response may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<u64>,
    /// Dollars that one response may cost, at the model's prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dollars: Option<f64>,
}

/// Why a policy cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum PolicyError {
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error("{0}")]
    Profile(String),
    #[error("dollars is {0}, it must be between 0 and 1000000")]
    Dollars(f64),
}

/// A policy, ready to be asked. `default()` restricts nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    profile: Profile,
    /// The rules of each policy it is made of.
    rules: Vec<Rules>,
    steps: Option<u64>,
    tokens: Option<u64>,
    fuel: Option<u64>,
    wall_time: Option<Duration>,
    micro_dollars: Option<u64>,
}

impl Policy {
    /// Checks a policy and makes it ready.
    ///
    /// # Errors
    /// A rule or a number cannot be.
    pub fn new(config: PolicyConfig) -> Result<Policy, PolicyError> {
        let micro = |dollars: f64| match (0.0..=1e6).contains(&dollars) {
            true => Ok((dollars * 1e6) as u64),
            false => Err(PolicyError::Dollars(dollars)),
        };
        let mut profile = Profile { default: config.profile, paths: config.paths };
        profile.check().map_err(PolicyError::Profile)?;
        if profile.default != Access::Full {
            profile.paths.entry(SCRATCH.into()).or_insert(Access::Full);
        }
        Ok(Policy {
            profile,
            rules: vec![Rules::new(RulesConfig { default: config.default, rules: config.rules })?],
            steps: config.steps,
            tokens: config.tokens,
            fuel: config.fuel,
            wall_time: config.wall_seconds.map(Duration::from_secs),
            micro_dollars: config.dollars.map(micro).transpose()?,
        })
    }

    /// Both together: what either forbids is forbidden.
    #[must_use]
    pub fn and(mut self, other: &Policy) -> Policy {
        self.profile = self.profile.and(&other.profile);
        self.rules.extend(other.rules.iter().cloned());
        self.steps = least(self.steps, other.steps);
        self.tokens = least(self.tokens, other.tokens);
        self.fuel = least(self.fuel, other.fuel);
        self.wall_time = least(self.wall_time, other.wall_time);
        self.micro_dollars = least(self.micro_dollars, other.micro_dollars);
        self
    }

    /// What commands may do to files, and where.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What a response may use.
    pub fn budget(&self, prices: Prices) -> Budget {
        let all = Budget::default();
        Budget {
            steps: self.steps.unwrap_or(all.steps),
            tokens: self.tokens,
            fuel: self.fuel,
            wall_time: self.wall_time,
            micro_dollars: self.micro_dollars,
            prices,
        }
    }

    /// Whether the rules allow everything, so that calls need not be looked at.
    pub fn allows_all(&self) -> bool {
        self.rules.iter().all(Rules::allow_all)
    }

    /// What the rules say of a call of the shell or of `apply_patch` that is to run in the directory `cwd`.
    pub async fn check(&self, call: &Item, cwd: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for rules in self.rules.iter().filter(|rules| !rules.allow_all()) {
            for script in scripts(call) {
                let one = rules.check(&script, cwd).await;
                verdict.decision = verdict.decision.max(one.decision);
                verdict.reasons.extend(one.reasons);
            }
        }
        verdict.reasons.dedup();
        verdict
    }
}

fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// What a call runs, as scripts: a patch is to the rules what the command `apply_patch PATH` is.
fn scripts(call: &Item) -> Vec<String> {
    match call {
        Item::ShellCall(call) => call.action.commands.clone(),
        Item::ApplyPatchCall(call) => {
            let (PatchOperation::CreateFile { path, .. }
            | PatchOperation::UpdateFile { path, .. }
            | PatchOperation::DeleteFile { path }) = &call.operation;
            vec![format!("apply_patch '{}'", path.replace('\'', r"'\''"))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::new(toml::from_str(text).expect("it is TOML")).expect("it is a policy")
    }

    fn shell(command: &str) -> Item {
        serde_json::from_value(serde_json::json!({
            "type": "shell_call", "call_id": "call_1", "action": { "commands": ["ls", command] }
        }))
        .expect("it is a call")
    }

    #[tokio::test]
    async fn the_strictest_of_several_holds() {
        let service = policy(
            "steps = 10\ndollars = 0.5\nprofile = \"propose-writes\"\n[[rules]]\ndecision = \"deny\"\ncommand = \"rm\"",
        );
        let key = policy(
            "steps = 20\ntokens = 7\n[[rules]]\ndecision = \"allow\"\ncommand = \"rm\"\n[[rules]]\ndecision = \"ask\"\ncommand = \"mv\"",
        );
        let both = service.and(&key).and(&Policy::default());
        assert_eq!(both.profile().access(b"/tmp/x"), Access::Full);
        assert_eq!(both.profile().access(b"/etc"), Access::ProposeWrites);
        let paths = policy("profile = \"read-only\"\n[paths]\n\"/mnt/data/out\" = \"full\"\n\"/tmp\" = \"read-only\"");
        let all = both.and(&paths);
        for (path, access) in [
            ("/mnt/data/in", Access::ReadOnly),
            ("/mnt/data/out/a", Access::ProposeWrites),
            ("/tmp/x", Access::ReadOnly),
        ] {
            assert_eq!(all.profile().access(path.as_bytes()), access, "{path}");
        }
        let both = all;
        let budget = both.budget(Prices::default());
        assert_eq!(
            (budget.steps, budget.tokens, budget.fuel, budget.micro_dollars),
            (10, Some(7), None, Some(500_000))
        );
        for (command, decision) in [("rm x", Decision::Deny), ("mv a b", Decision::Ask), ("cp a b", Decision::Allow)] {
            assert_eq!(both.check(&shell(command), "/").await.decision, decision, "{command}");
        }
        assert_eq!(Policy::default().check(&shell("rm x"), "/").await, Verdict::default());
    }

    #[tokio::test]
    async fn a_patch_is_a_command_with_a_path() {
        let policy = policy(
            "[[rules]]\ndecision = \"deny\"\npath = \"/work/.git\"\n[[rules]]\ndecision = \"ask\"\ncommand = \"apply_patch\"",
        );
        for (path, decision) in [
            ("/work/.git/x", Decision::Deny),
            (".git/x", Decision::Deny),
            ("it's; rm x", Decision::Ask),
            ("$x", Decision::Ask),
        ] {
            let call = serde_json::json!({
                "type": "apply_patch_call", "call_id": "c", "operation": { "type": "delete_file", "path": path }
            });
            let call = serde_json::from_value(call).expect("it is a call");
            assert_eq!(policy.check(&call, "/work").await.decision, decision, "{path}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let read = |text: &str| toml::from_str::<PolicyConfig>(text).map(Policy::new);
        assert!(read("profile = \"all\"").is_err());
        assert!(read("[paths]\n\"out\" = \"full\"").expect("it is TOML").is_err());
        assert!(read("step = 3").is_err());
        assert!(read("dollars = -1.0").expect("it is TOML").is_err());
        assert!(read("[[rules]]\ndecision = \"deny\"\npath = \"x\"").expect("it is TOML").is_err());
    }
}
