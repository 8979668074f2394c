//! What a response may use, and what it has used.

use std::time::{Duration, Instant};

use super::model::{Price, Usage};
use super::response::Failure;

/// What a response may use. Beyond it the response fails, and says which part was used up.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Calls of the model. Beyond them the response is incomplete.
    pub steps: u64,
    /// Tokens of prompts and answers together.
    pub tokens: Option<u64>,
    /// Fuel of its commands.
    pub fuel: Option<u64>,
    /// From its beginning.
    pub wall_time: Option<Duration>,
    /// Money, in millionths of a dollar, at the model's prices.
    pub micro_dollars: Option<u64>,
    /// What a million tokens cost.
    pub prices: Prices,
}

impl Default for Budget {
    /// 500 steps, and the rest as much as it takes.
    fn default() -> Budget {
        Budget { steps: 500, tokens: None, fuel: None, wall_time: None, micro_dollars: None, prices: Prices::default() }
    }
}

/// What a million tokens cost, in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of a prompt.
    pub input: u64,
    /// Of a prompt, from the provider's cache.
    pub cached: u64,
    /// Of an answer.
    pub output: u64,
}

impl From<Price> for Prices {
    fn from(price: Price) -> Prices {
        let micro = |dollars: f64| (dollars.clamp(0.0, 1e9) * 1e6) as u64;
        let cached = price.cached_input.unwrap_or(price.input);
        Prices { input: micro(price.input), cached: micro(cached), output: micro(price.output) }
    }
}

impl Prices {
    /// What tokens cost, in millionths of a dollar, rounded up.
    pub fn of(&self, usage: &Usage) -> u64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let parts =
            [(usage.input_tokens - cached, self.input), (cached, self.cached), (usage.output_tokens, self.output)];
        let sum: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price)).sum();
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// What a response has used.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    pub steps: u64,
    pub usage: Usage,
    pub fuel: u64,
    begun: Instant,
}

impl Spent {
    pub fn nothing() -> Spent {
        Spent { steps: 0, usage: Usage::default(), fuel: 0, begun: Instant::now() }
    }

    /// Whether something is used up, the steps apart.
    pub fn check(&self, budget: &Budget) -> Result<(), Failure> {
        let tokens = self.usage.input_tokens.saturating_add(self.usage.output_tokens);
        let wall = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let wall_time = budget.wall_time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        for (name, unit, limit, used) in [
            ("tokens", "tokens", budget.tokens, tokens),
            ("fuel", "units", budget.fuel, self.fuel),
            ("wall_time", "ms", wall_time, wall),
            ("micro_dollars", "millionths of a dollar", budget.micro_dollars, budget.prices.of(&self.usage)),
        ] {
            if let Some(limit) = limit.filter(|limit| used >= *limit) {
                let message = format!(
                    "The response's budget `{name}` is used up: {used} of {limit} {unit}. Raise it, or go on in another response."
                );
                return Err(Failure::used_up(message));
            }
        }
        Ok(())
    }

    /// What is left of the time.
    pub fn time_left(&self, budget: &Budget) -> Option<Duration> {
        budget.wall_time.map(|time| time.saturating_sub(self.begun.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_is_named_with_its_limit() {
        let usage = Usage { input_tokens: 900, cached_tokens: 400, output_tokens: 100, ..Usage::default() };
        let spent = Spent { usage, fuel: 7, ..Spent::nothing() };
        assert_eq!(spent.check(&Budget::default()), Ok(()));
        let prices = Prices { input: 2_000_000, cached: 500_000, output: 8_000_000 };
        assert_eq!(prices.of(&spent.usage), 500 * 2 + 200 + 800);
        for (budget, says) in [
            (Budget { tokens: Some(1000), ..Budget::default() }, "`tokens` is used up: 1000 of 1000"),
            (Budget { fuel: Some(6), ..Budget::default() }, "`fuel` is used up: 7 of 6"),
            (Budget { wall_time: Some(Duration::ZERO), ..Budget::default() }, "`wall_time`"),
            (Budget { micro_dollars: Some(2000), prices, ..Budget::default() }, "2000 of 2000 millionths"),
        ] {
            let failure = spent.check(&budget).expect_err("it is used up");
            assert!(failure.message.contains(says), "{}", failure.message);
        }
        assert_eq!(spent.check(&Budget { tokens: Some(1001), fuel: Some(8), ..Budget::default() }), Ok(()));
    }
}
