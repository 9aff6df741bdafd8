//! What looks wrong with an offer though it can be used.

use std::ops::RangeInclusive;

use super::{Date, Offer, Provisioning, money};

/// A price is taken for today's for so many days.
const MAX_AGE_DAYS: i64 = 90;
/// What an hour of one GPU costs, in dollars: from the cheapest interruptible ones to several times the dearest.
const PLAUSIBLE_USD_PER_GPU_HOUR: RangeInclusive<f64> = 0.05..=30.0;

/// A sentence for each thing that looks wrong with this offer today; `offers` is all there are, for what it costs on demand.
#[must_use]
pub fn warnings(offer: &Offer, offers: &[Offer], today: Date) -> Vec<String> {
    let found = [dear(offer, offers), old(offer, today), sourceless(offer), implausible(offer)];
    let region = if offer.region.is_empty() { String::new() } else { format!(", {}", offer.region) };
    let which = format!("`{offer}` ({}{region})", offer.provisioning);
    found.into_iter().flatten().map(|problem| format!("{which} {problem}")).collect()
}

/// Spot is meant to cost less than the same machine on demand, in the same region where both name one.
fn dear(offer: &Offer, offers: &[Offer]) -> Option<String> {
    let is_same = |other: &&Offer| {
        let anywhere = other.region.is_empty() || offer.region.is_empty();
        other.provisioning == Provisioning::OnDemand
            && (&other.provider, &other.sku) == (&offer.provider, &offer.sku)
            && (anywhere || other.region == offer.region)
    };
    let prices = offers.iter().filter(is_same).map(|other| other.usd_per_hour);
    let on_demand = prices.min_by(f64::total_cmp)?;
    (offer.provisioning == Provisioning::Spot && offer.usd_per_hour > on_demand).then(|| {
        let (spot, on_demand) = (money::usd(offer.usd_per_hour), money::usd(on_demand));
        format!("costs {spot} an hour, and {on_demand} on demand: check both, one of them is out of date")
    })
}

fn old(offer: &Offer, today: Date) -> Option<String> {
    let checked_at = offer.checked_at?;
    match today.days_since(checked_at) {
        age if age > MAX_AGE_DAYS => {
            let now = "look up what it is now, and give that in a table of your own";
            Some(format!("has a price of {checked_at}, {age} days ago: {now}"))
        }
        ..0 => Some(format!(
            "has a price of {checked_at}, which is after {today}: correct `checked_at`, or the clock"
        )),
        _ => None,
    }
}

fn sourceless(offer: &Offer) -> Option<String> {
    offer.source.is_empty().then(|| "has no source: write under `source` where its price is from".to_owned())
}

fn implausible(offer: &Offer) -> Option<String> {
    let (price, range) = (offer.usd_per_device_hour(), PLAUSIBLE_USD_PER_GPU_HOUR);
    (offer.gpus > 0 && !range.contains(&price)).then(|| {
        let [price, least, most] = [price, *range.start(), *range.end()].map(money::usd);
        let check = "check `usd_per_hour`, which is of the whole machine, and `gpus`";
        format!("costs {price} per GPU-hour, which is not from {least} to {most}: {check}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::prices::built_in;

    const TODAY: &str = "2026-11-26";

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn offer(usd_per_hour: f64) -> Offer {
        let (gpu, region) = ("A10".to_owned(), "moon-1".to_owned());
        Offer { gpu, gpus: 1, region, checked_at: Some(day(TODAY)), ..Offer::own(usd_per_hour) }
    }

    fn check(offer: &Offer, offers: &[Offer], expected: &[&str]) {
        assert_eq!(warnings(offer, offers, day(TODAY)), expected);
    }

    #[test]
    fn spot_is_not_above_on_demand() {
        let spot = |usd_per_hour| Offer { provisioning: Provisioning::Spot, ..offer(usd_per_hour) };
        let elsewhere = |region: &str| Offer { region: region.to_owned(), ..offer(1.0) };
        let sentence = "`own:machine` (spot, moon-1) costs $1.20 an hour, and $1.00 on demand: check both, one of them is \
                        out of date";
        let sentences: &[&str] = &[sentence];
        for (on_demand, is_dear) in [
            (offer(1.0), true),
            (offer(1.2), false),
            (elsewhere(""), true),
            (elsewhere("moon-2"), false),
            (Offer { sku: "other".to_owned(), ..offer(1.0) }, false),
            (Offer { provider: "other".to_owned(), ..offer(1.0) }, false),
            (Offer { provisioning: Provisioning::Reserved, ..offer(1.0) }, false),
        ] {
            check(&spot(1.2), &[on_demand], if is_dear { sentences } else { &[] });
        }
        check(&offer(1.2), &[offer(1.0), offer(1.2)], &[]);
        check(&spot(1.2), &[offer(1.3), spot(1.2), offer(1.0)], &[sentence]);
    }

    #[test]
    fn prices_get_old() {
        for (checked_at, expected) in [
            (TODAY, None),
            // 90 and 91 days before.
            ("2026-08-28", None),
            (
                "2026-08-27",
                Some(
                    "has a price of 2026-08-27, 91 days ago: look up what it is now, and give that in a table of your own",
                ),
            ),
            (
                "2026-11-27",
                Some(
                    "has a price of 2026-11-27, which is after 2026-11-26: correct `checked_at`, or the clock",
                ),
            ),
        ] {
            let offer = Offer { checked_at: Some(day(checked_at)), ..offer(1.0) };
            let expected: Vec<_> = expected
                .into_iter()
                .map(|said| format!("`own:machine` (on_demand, moon-1) {said}"))
                .collect();
            assert_eq!(warnings(&offer, &[], day(TODAY)), expected);
        }
    }

    #[test]
    fn prices_are_from_somewhere_and_plausible() {
        let sourceless = Offer { source: String::new(), region: String::new(), ..offer(1.0) };
        check(
            &sourceless,
            &[],
            &["`own:machine` (on_demand) has no source: write under `source` where its price is from"],
        );
        for (usd_per_hour, gpus, said) in [
            (0.05, 1, None),
            (0.049, 1, Some("$0.049")),
            (30.0, 1, None),
            (30.01, 1, Some("$30.01")),
            (240.0, 8, None),
            (0.39, 8, Some("$0.0488")),
            (0.01, 0, None),
        ] {
            let offer = Offer { gpus, ..offer(usd_per_hour) };
            let said = said.map(|said| {
                format!(
                    "`own:machine` (on_demand, moon-1) costs {said} per GPU-hour, which is not from $0.05 to $30.00: check \
                     `usd_per_hour`, which is of the whole machine, and `gpus`"
                )
            });
            assert_eq!(warnings(&offer, &[], day(TODAY)), said.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_offer_may_be_wrong_in_many_ways_and_a_number_of_ones_own_in_none() {
        let wrong = Offer {
            provisioning: Provisioning::Spot,
            source: String::new(),
            checked_at: Some(day("2020-01-01")),
            ..offer(99.0)
        };
        assert_eq!(warnings(&wrong, &[offer(1.0)], day(TODAY)).len(), 4);
        check(&Offer::own(0.8), &built_in(), &[]);
    }

    #[test]
    fn nothing_is_wrong_with_what_is_built_in_but_its_age() {
        let offers = built_in();
        for offer in &offers {
            let when = offer.checked_at.unwrap();
            assert_eq!(warnings(offer, &offers, when), [""; 0], "{offer}");
            assert!(when <= day(TODAY) && !offer.source.is_empty());
        }
    }
}
