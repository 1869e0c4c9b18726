//! Names of tools as a target allows them, and back.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::canonical::{Content, Request, ToolChoice};
use crate::formats::{Rules, digest, digest_hex};

/// The client's name behind each one that was changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// The name by which the client knows the tool.
    pub(super) fn raised<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }

    fn lowered(&mut self, name: &str, rules: &Rules) -> Option<String> {
        if !name.is_empty()
            && name.len() <= rules.name_bytes
            && name.bytes().all(rules.is_name_byte)
        {
            return None;
        }
        let short = format!("_{:08x}", digest(name));
        let mut lowered = spelled(name, &short, rules);
        if self.0.get(&lowered).is_some_and(|known| known != name) {
            lowered = spelled(name, &format!("_{}", digest_hex(name)), rules);
        }
        self.0.insert(lowered.clone(), name.to_owned());
        Some(lowered)
    }
}

/// The end of a name tells most, so that is what is kept, with a digest of the whole. It depends
/// on nothing but the name.
fn spelled(name: &str, suffix: &str, rules: &Rules) -> String {
    const FAMILY: &str = "mcp__";
    let legal: String = name
        .chars()
        .map(|c| if c.is_ascii() && (rules.is_name_byte)(c as u8) { c } else { '_' })
        .collect();
    let room = rules.name_bytes.saturating_sub(suffix.len());
    if legal.len() <= room {
        return format!("{legal}{suffix}");
    }
    let family = if legal.starts_with(FAMILY) { FAMILY } else { "" };
    let tail = legal.len() - room.saturating_sub(family.len());
    format!("{family}{}{suffix}", legal.get(tail..).unwrap_or_default())
}

/// Gives every tool, choice and call the name that goes to the target.
pub(super) fn lower(request: &mut Request<'_>, rules: Rules) -> Names {
    let mut names = Names::default();
    let mut change = |name: &mut Cow<'_, str>| {
        if let Some(lowered) = names.lowered(name, &rules) {
            *name = Cow::Owned(lowered);
        }
    };
    for tool in &mut request.tools {
        change(&mut tool.name);
    }
    match &mut request.tool_choice {
        Some(ToolChoice::Named(name)) => change(name),
        Some(ToolChoice::Allowed { names, .. }) => names.iter_mut().for_each(&mut change),
        _ => {}
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Content::Call(call) = &mut part.content {
            change(&mut call.name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Profile;
    use crate::formats::Format;

    #[test]
    fn case_030_long_names_stay_distinct_and_come_back() {
        let rules = Format::OpenaiChat.wire().rules("", &Profile::default());
        let stem = format!("mcp__plugin_x_y__{}", "a".repeat(60));
        let all = [format!("{stem}one"), format!("{stem}two"), format!("mcp__{}", "b".repeat(80))];
        let mut names = Names::default();
        let lowered: Vec<String> =
            all.iter().map(|name| names.lowered(name, &rules).unwrap()).collect();
        for (name, lowered) in all.iter().zip(&lowered) {
            assert!(lowered.len() <= 64 && lowered.starts_with("mcp__"), "{lowered}");
            assert_eq!(names.raised(lowered), name);
        }
        assert_eq!(lowered.iter().collect::<std::collections::HashSet<_>>().len(), 3);
        let mut reversed = Names::default();
        let again: Vec<_> =
            all.iter().rev().map(|name| reversed.lowered(name, &rules).unwrap()).collect();
        assert!(lowered.iter().eq(again.iter().rev()));
    }

    #[test]
    fn case_031_odd_characters_come_back() {
        let rules = Format::AnthropicMessages.wire().rules("", &Profile::default());
        let mut names = Names::default();
        let lowered = names.lowered("actions/download:v2.1", &rules).unwrap();
        assert!(lowered.starts_with("actions_download_v2_1_"), "{lowered}");
        assert_eq!(names.raised(&lowered), "actions/download:v2.1");
        assert_ne!(names.lowered("actions/download:v2_1", &rules).unwrap(), lowered);
    }
}
