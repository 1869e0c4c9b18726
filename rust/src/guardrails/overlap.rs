//! What becomes of findings that overlap, by what is to happen with them.

use super::category::Category;
use super::policy::Mode;
use super::scanner::{Finding, merge};

/// `findings` in order, without overlaps. Those to mask or block that overlap become one that
/// holds every byte of them; it has the category of the longest, or of one to block. Those that
/// are only counted give way to them. Of equals, the one that stands first in `findings` counts.
pub(super) fn settle(findings: Vec<Finding>, mode: impl Fn(Category) -> Mode) -> Vec<Finding> {
    let is_firm = |f: &Finding| matches!(mode(f.category), Mode::Mask | Mode::Block);
    let (mut firm, mut counted): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_firm);
    firm.sort_by_key(|f| f.start);
    let mut settled: Vec<Finding> = Vec::with_capacity(firm.len());
    let mut heaviest = (false, 0);
    for finding in firm {
        let weight = (mode(finding.category) == Mode::Block, finding.range().len());
        if let Some(last) = settled.last_mut().filter(|last| finding.start < last.end) {
            last.end = last.end.max(finding.end);
            if weight > heaviest {
                last.category = finding.category;
                heaviest = weight;
            }
        } else {
            settled.push(finding);
            heaviest = weight;
        }
    }
    // The tenant's own come first, then the more specific category.
    counted.sort_by_key(|f| {
        (f.category != Category::Custom, f.category, f.start, std::cmp::Reverse(f.end))
    });
    for group in counted.chunk_by(|a, b| a.category == b.category) {
        settled = merge(&settled, group);
    }
    settled
}
