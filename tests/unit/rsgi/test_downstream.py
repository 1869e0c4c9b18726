"""Headers of answers as an RSGI server takes them."""

from __future__ import annotations

from codegate import native


def test_a_header_that_is_no_visible_ascii_is_left_out() -> None:
    headers = [
        (b"x-plain", b"a\tb ~"),
        (b"x-accent", "é".encode()),
        (b"x-control", b"a\x01b"),
        (b"x-delete", b"a\x7fb"),
        (b"x-broken", b"\xff"),
        (b"x-empty", b""),
    ]
    assert native.text_headers(headers) == [("x-plain", "a\tb ~"), ("x-empty", "")]
