"""The type of a file is decided from its bytes."""

import gzip
import io
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from storages_app.uploads.sniffing import HEAD, OCTET_STREAM, sniff

HTML, SVG, XML = "text/html", "image/svg+xml", "text/xml"


def picture(kind, mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, (8, 8), "red" if mode == "RGB" else 1).save(out, kind)
    return out.getvalue()


def archive(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "application/epub+zip" if name == "mimetype" else "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("ICO", "image/vnd.microsoft.icon"),
        ("PDF", "application/pdf"),
    ],
)
def test_real_pictures_are_known(kind, media_type):
    assert sniff(picture(kind)) == media_type


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x00\x00\x00\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\x00\x00\x00\x18ftypavif\0\0\0\0", "image/avif"),
        (b"\x00\x00\x00\x18ftypisom\0\0\0\0", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \0\0\0\0", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"OggS\0\x02" + b"\0" * 40, "audio/ogg"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"ID3\x03\0\0\0\0\0\0", "audio/mpeg"),
        (gzip.compress(b"x", mtime=0), "application/gzip"),
        (b"\x00\x01\x00\x00Standard Jet DB\x00\x01", "application/x-msaccess"),  # by a hint
        (archive("a.txt"), "application/zip"),
        (archive("mimetype", "b"), "application/epub+zip"),
        (
            archive("[Content_Types].xml", "word/document.xml"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (b"\x7fELF\x02\x01\x01\0", "application/x-executable"),
        (b"hello, world\n", "text/plain"),
        ("日本語".encode(), "text/plain"),
        ("日本語".encode() * 40_000, "text/plain"),  # the head cuts a character in two
        ("na\xefve".encode("latin-1"), "text/plain"),
        ("text".encode("utf-16"), "text/plain"),
        (b'{"a": 1}', "text/plain"),
        (b"BM is how this text begins", "text/plain"),
        (b"MZ too", "text/plain"),
        (b"a < b and c > d", "text/plain"),
        (b"<not markup", "text/plain"),
        (b"From: x\r\nMIME-Version: 1.0\r\n\r\n", "message/rfc822"),
        (b"", OCTET_STREAM),
        (b"\x00\x01\x02\x03\x04\xfe\xff\x80", OCTET_STREAM),
    ],
)
def test_files_are_what_their_bytes_say(content, media_type):
    assert sniff(content[:HEAD]) == media_type


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"<html><body>", HTML),
        (b" \n\t<!DOCTYPE html>", HTML),
        (b"\xef\xbb\xbf<script>alert(1)</script>", HTML),
        ("<html>".encode("utf-16"), HTML),
        ("<script>".encode("utf-16-be"), OCTET_STREAM),  # no mark: browsers do not read it either
        (b"<!-- x --><!-- y --><b>", HTML),
        (b"<script>\xff\xfe\x00</script>", HTML),
        (b"\0<html>", HTML),
        (b"<svg onload=alert(1)>", SVG),
        (b"<?xml version='1.0'?><!-- c --><svg xmlns='http://www.w3.org/2000/svg'/>", SVG),
        (b"\xef\xbb\xbf<!-- bom and comment --><svg/>", SVG),
        (b"<x:svg xmlns:x='http://www.w3.org/2000/svg'/>", SVG),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>", SVG),
        (b"<?xml version='1.0'?><a/>", XML),
        (
            b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>",
            "application/xhtml+xml",
        ),
        (b"<a xmlns='http://www.w3.org/1999/xhtml'><script/></a>", HTML),
        (b"<r xmlns='http://www.w3.org/1999/xhtml'><script/></r>", "application/xhtml+xml"),
        (b"<!-- a comment that never ends", XML),
        (b"<?php echo 1;", "application/x-httpd-php"),
    ],
)
def test_what_a_browser_would_run_gets_its_true_type(content, media_type):
    assert sniff(content) == media_type


@pytest.mark.parametrize(
    "polyglot",
    [
        b"GIF89a/*" + b" " * 40 + b"*/=1;alert(1)//;",
        b"GIF89a=1;alert(document.domain)",
        b"GIF87a",
    ],
)
def test_a_script_dressed_as_a_gif_is_no_picture(polyglot):
    assert sniff(polyglot) == OCTET_STREAM


def test_html_behind_a_png_signature_stays_a_picture_which_no_browser_runs():
    assert sniff(b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>") == "image/png"


@given(st.binary(max_size=200))
def test_any_bytes_get_a_type_that_is_one(content):
    kind, slash, subtype = sniff(content).partition("/")
    assert kind
    assert slash
    assert subtype


@pytest.mark.parametrize(
    "hostile",
    [
        b"<!--" * 16_000,
        b"<!---->" * 9_000,
        b"a:b\n" * 16_000,
        b"<a" * 30_000,
        b"<!doctype " + b"<x:" * 20_000,
        b" " * HEAD,
        b"\n " * 30_000,
        b"x:" + b"\n " * 30_000,
    ],
)
def test_no_text_takes_long(hostile):
    started = time.process_time()
    sniff(hostile[:HEAD])
    assert time.process_time() - started < 0.5
