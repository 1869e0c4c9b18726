//! Tools that this format's models know by type, as plain functions for everybody else.

/// A description and the schema of the input, by the tool's type.
pub(super) fn published(kind: &str) -> Option<(&'static str, &'static str)> {
    let family = kind.rsplit_once('_').map_or(kind, |(family, _)| family);
    Some(match family {
        "bash" => (
            "Run a command in a shell session that lasts, or restart that session.",
            r#"{"type":"object","properties":{"command":{"type":"string","description":"The command to run."},"restart":{"type":"boolean","description":"Start the shell anew instead of running a command."}}}"#,
        ),
        "text_editor" => (
            "View, create and edit text files.",
            r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","undo_edit"]},"path":{"type":"string","description":"Absolute path of a file or folder."},"file_text":{"type":"string","description":"For create: the whole text."},"old_str":{"type":"string","description":"For str_replace: text that stands in the file exactly once."},"new_str":{"type":"string","description":"For str_replace and insert: the new text."},"insert_text":{"type":"string","description":"For insert: the new text."},"insert_line":{"type":"integer","description":"For insert: the line after which the text goes; 0 is the start."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: first and last line."}},"required":["command","path"]}"#,
        ),
        "memory" => (
            "Keep notes in files below /memories that last between conversations.",
            r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},"path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"},"old_path":{"type":"string"},"new_path":{"type":"string"}},"required":["command"]}"#,
        ),
        "computer" => (
            "Use a computer by its screen, keyboard and mouse.",
            r#"{"type":"object","properties":{"action":{"type":"string","enum":["key","type","mouse_move","left_click","left_click_drag","right_click","middle_click","double_click","triple_click","left_mouse_down","left_mouse_up","screenshot","cursor_position","scroll","hold_key","wait","zoom"]},"coordinate":{"type":"array","items":{"type":"integer"},"description":"x and y in pixels."},"start_coordinate":{"type":"array","items":{"type":"integer"}},"text":{"type":"string"},"scroll_direction":{"type":"string","enum":["up","down","left","right"]},"scroll_amount":{"type":"integer"},"duration":{"type":"number","description":"Seconds."},"region":{"type":"array","items":{"type":"integer"}}},"required":["action"]}"#,
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_schemas_are_objects() {
        for kind in
            ["bash_20250124", "text_editor_20250728", "memory_20250818", "computer_20251124"]
        {
            let (_, schema) = published(kind).unwrap();
            let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
            assert_eq!(schema["type"], "object", "{kind}");
        }
        assert!(published("web_search_20250305").is_none());
    }
}
