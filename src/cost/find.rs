//! Offers by name.

use super::{
    Offer, PriceError, Provisioning,
    prices::{listed, printable},
};

/// The most names in a hint.
const MAX_NAMES: usize = 5;

/// The offer of this name: `aws:p5.48xlarge` or, where one provider has it, `p5.48xlarge`; of several regions one is chosen
/// by `aws:p5.48xlarge@us-east-1`, or by `aws:p5.48xlarge@` where it names none.
///
/// # Errors
/// There is none, with what is near as a hint; or there are several, with how each is written.
pub fn find<'a>(
    offers: &'a [Offer],
    name: &str,
    provisioning: Provisioning,
) -> Result<&'a Offer, PriceError> {
    let (bare, region) = match name.split_once('@') {
        Some((bare, region)) => (bare, Some(region)),
        None => (name, None),
    };
    let named: Vec<_> =
        offers.iter().filter(|offer| offer.sku == bare || offer.to_string() == bare).collect();
    if named.is_empty() {
        let error = PriceError::new(None, format!("no price for `{}`", printable(name)));
        return Err(error.hint(match near(offers, bare) {
            near if near.is_empty() => "`sweep prices` lists those there are".to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        }));
    }
    let there: Vec<_> =
        named.iter().filter(|offer| region.is_none_or(|region| offer.region == region)).collect();
    if there.is_empty() {
        let error = PriceError::new(
            None,
            format!("no price for `{bare}` in `{}`", printable(region.unwrap_or_default())),
        );
        return Err(error.hint(format!("there is {}", written(named))));
    }
    let mut found = there.iter().filter(|offer| offer.provisioning == provisioning);
    match (found.next(), found.next()) {
        (Some(found), None) => Ok(found),
        (Some(_), Some(_)) => {
            let same = there.iter().filter(|offer| offer.provisioning == provisioning);
            Err(PriceError::new(None, format!("`{}` may be one of several offers", printable(name)))
                .hint(format!("write {}", written(same.map(|offer| **offer)))))
        }
        (None, _) => {
            let has = |kind: &Provisioning| there.iter().any(|offer| offer.provisioning == *kind);
            let others = Provisioning::ALL.into_iter().filter(has).map(Provisioning::name);
            Err(PriceError::new(None, format!("`{bare}` has no price as `{provisioning}`"))
                .hint(format!("it has one as {}", listed(others))))
        }
    }
}

/// How offers are written so that no other is meant.
fn written<'a>(offers: impl IntoIterator<Item = &'a Offer>) -> String {
    let mut names = Vec::new();
    for name in offers.into_iter().map(|offer| format!("`{offer}@{}`", offer.region)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    shortened(names).join(" or ")
}

/// The names that were probably meant, the nearest first; whoever the provider is, as SKUs are what is remembered.
fn near(offers: &[Offer], typed: &str) -> Vec<String> {
    let typed = typed.rsplit(':').next().unwrap_or_default().to_lowercase();
    let score = |sku: &str| match sku.to_lowercase() {
        sku if sku == typed => 1.0,
        sku if typed.len() >= 2 && sku.contains(&typed) => 0.97,
        sku => strsim::jaro_winkler(&typed, &sku),
    };
    let mut scored: Vec<_> = offers.iter().map(|offer| (score(&offer.sku), format!("`{offer}`"))).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    scored.retain(|(score, _)| *score >= 0.85 && *score >= best - 0.05);
    shortened(scored.into_iter().map(|(_, name)| name).collect())
}

fn shortened(mut names: Vec<String>) -> Vec<String> {
    names.truncate(MAX_NAMES);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use Provisioning::{OnDemand, Reserved, Spot};

    fn offers() -> Vec<Offer> {
        let offer = |name: &str, provisioning, region: &str| {
            let (provider, sku) = name.split_once(':').unwrap();
            let (provider, sku, region) = (provider.to_owned(), sku.to_owned(), region.to_owned());
            Offer { provider, sku, provisioning, region, ..Offer::own(1.0) }
        };
        vec![
            offer("aws:p5.48xlarge", OnDemand, "us-east-1"),
            offer("aws:p5.48xlarge", Spot, "us-east-1"),
            offer("aws:p4d.24xlarge", OnDemand, "us-east-1"),
            offer("aws:p4d.24xlarge", OnDemand, "eu-west-1"),
            offer("aws:p4d.24xlarge", OnDemand, ""),
            offer("aws:g6.xlarge", OnDemand, ""),
            offer("lambda:a10", OnDemand, ""),
            offer("runpod:a10", OnDemand, ""),
        ]
    }

    #[test]
    fn an_offer_is_found_by_its_name() {
        let offers = offers();
        for (name, provisioning, place) in [
            ("aws:p5.48xlarge", OnDemand, 0),
            ("p5.48xlarge", OnDemand, 0),
            ("aws:p5.48xlarge@us-east-1", OnDemand, 0),
            ("p5.48xlarge@us-east-1", Spot, 1),
            ("p5.48xlarge", Spot, 1),
            ("p4d.24xlarge@us-east-1", OnDemand, 2),
            ("aws:p4d.24xlarge@eu-west-1", OnDemand, 3),
            ("aws:p4d.24xlarge@", OnDemand, 4),
            ("g6.xlarge", OnDemand, 5),
            ("runpod:a10", OnDemand, 7),
        ] {
            assert!(
                std::ptr::eq(find(&offers, name, provisioning).unwrap(), &raw const offers[place]),
                "{name}"
            );
        }
    }

    #[test]
    fn what_cannot_be_found_is_named_with_what_there_is() {
        for (name, provisioning, said, hint) in [
            ("p5.48xlarg", OnDemand, "no price for `p5.48xlarg`", "did you mean `aws:p5.48xlarge`?"),
            (
                "aws:p5.48XLARGE",
                OnDemand,
                "no price for `aws:p5.48XLARGE`",
                "did you mean `aws:p5.48xlarge`?",
            ),
            ("p5", OnDemand, "no price for `p5`", "did you mean `aws:p5.48xlarge`?"),
            ("gcp:a10", OnDemand, "no price for `gcp:a10`", "did you mean `lambda:a10` or `runpod:a10`?"),
            ("aws:z9", OnDemand, "no price for `aws:z9`", "`sweep prices` lists those there are"),
            ("", OnDemand, "no price for ``", "`sweep prices` lists those there are"),
            ("a10", OnDemand, "`a10` may be one of several offers", "write `lambda:a10@` or `runpod:a10@`"),
            (
                "p4d.24xlarge",
                OnDemand,
                "`p4d.24xlarge` may be one of several offers",
                "write `aws:p4d.24xlarge@us-east-1` or `aws:p4d.24xlarge@eu-west-1` or `aws:p4d.24xlarge@`",
            ),
            ("g6.xlarge", Spot, "`g6.xlarge` has no price as `spot`", "it has one as `on_demand`"),
            (
                "p5.48xlarge",
                Reserved,
                "`p5.48xlarge` has no price as `reserved`",
                "it has one as `on_demand`, `spot`",
            ),
            ("p4d.24xlarge", Spot, "`p4d.24xlarge` has no price as `spot`", "it has one as `on_demand`"),
            (
                "p5.48xlarge@mars\u{1b}[2J",
                OnDemand,
                "no price for `p5.48xlarge` in `mars\\u{1b}[2J`",
                "there is `aws:p5.48xlarge@us-east-1`",
            ),
        ] {
            let error = find(&offers(), name, provisioning).unwrap_err();
            assert_eq!((error.line, error.message.as_str()), (None, said));
            assert_eq!(error.hint.as_deref(), Some(hint));
        }
        assert!(find(&[], "aws:p5.48xlarge", OnDemand).is_err());
    }
}
