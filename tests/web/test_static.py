"""The phone app's files as the browser gets them: known paths only, kept long where their name holds their hash."""

import gzip
import json
import re

import pytest
from starlette.requests import Request

from isthmus.web import static

FILES = static.read_files()
PAGE = FILES["/"].bytes_for(gzipped=False)[0].decode()


def asked(path, **headers):
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": named, "server": ("h", 80), "scheme": "http", "root_path": ""}  # fmt: skip
    return static.serve(FILES, Request(scope))


def test_everything_the_page_names_is_there():
    named = re.findall(r'(?:href|src)="(/[^"]*)"', PAGE)
    assert len(named) >= 5
    assert set(named) <= set(FILES)


def test_everything_the_offline_shell_keeps_is_there():
    shell = re.search(r"SHELL = (\[.*?\]);", FILES["/sw.js"].bytes_for(gzipped=False)[0].decode())
    assert set(json.loads(shell[1])) <= set(FILES)


def test_the_manifest_names_icons_that_are_there():
    manifest = json.loads(FILES["/manifest.webmanifest"].bytes_for(gzipped=False)[0])
    assert manifest["display"] == "standalone"
    assert {icon["src"] for icon in manifest["icons"]} <= set(FILES)
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}


def test_the_page_holds_no_script_style_or_address_of_its_own():
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", PAGE)
    code = b"".join(
        file.bytes_for(gzipped=False)[0] for path, file in FILES.items() if path.endswith((".js", ".css", ".html"))
    )
    # Namespaces of SVG and MathML are names; nothing else looks like a host.
    found = {each for each in re.findall(rb"https?://[^\s\"'`)]+", code) if b"w3.org" not in each}
    assert found == set()


def test_the_page_may_load_from_here_only():
    answer = asked("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")  # WebAssembly may be compiled, text may not
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/sw.js", "text/javascript"), ("/manifest.webmanifest", "application/manifest+json"),
     ("/app/icon.svg", "image/svg+xml"), ("/app/icon-192.png", "image/png")],
)  # fmt: skip
def test_each_file_has_its_type(path, kind):
    assert asked(path).headers["content-type"].startswith(kind)


def test_a_name_with_a_hash_is_kept_a_year_and_the_page_is_asked_for_anew():
    hashed = next(path for path in FILES if path.startswith("/app/app-") and path.endswith(".js"))
    assert "immutable" in asked(hashed).headers["cache-control"]
    assert asked("/").headers["cache-control"] == "no-cache"


def test_an_unchanged_file_is_not_sent_again():
    first = asked("/")
    again = asked("/", if_none_match=first.headers["etag"])
    assert (again.status_code, again.body) == (304, b"")
    assert asked("/", if_none_match='"other"').status_code == 200


def test_a_browser_that_takes_gzip_gets_the_same_bytes_packed():
    path = next(path for path in FILES if path.endswith(".css"))
    packed = asked(path, accept_encoding="br, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == asked(path).body
    assert "content-encoding" not in asked(path).headers
    assert "content-encoding" not in asked("/app/icon-192.png", accept_encoding="gzip").headers


def test_the_engine_is_stored_packed_and_comes_out_whole():
    path = next(path for path in FILES if path.startswith("/app/engine-") and path.endswith(".wasm"))
    packed = asked(path, accept_encoding="gzip")
    assert packed.headers["content-type"] == "application/wasm"
    assert packed.headers["content-encoding"] == "gzip"
    plain = asked(path)
    assert plain.body.startswith(b"\0asm")
    assert "content-encoding" not in plain.headers


def test_the_page_is_isolated_so_that_threads_may_share_memory():
    headers = asked("/").headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"


@pytest.mark.parametrize("path", ["/app/nothing.js", "/index.html", "/app/../static.py", "/app/"])
def test_a_path_outside_the_table_is_nothing(path):
    assert asked(path) is None


def test_the_first_load_stays_within_its_budget():
    named = re.findall(r'(?:href|src)="(/app/[^"]*)"', PAGE)
    sizes = {
        suffix: sum(len(FILES[path].packed) for path in named if path.endswith(suffix)) for suffix in (".js", ".css")
    }
    assert sizes[".js"] <= 60_000
    assert sizes[".css"] <= 10_000


def test_a_file_of_an_unlisted_type_stops_the_start(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "x.exe").write_bytes(b"MZ")
    with pytest.raises(KeyError):
        static.read_files(tmp_path)


def test_a_folder_without_the_app_serves_nothing(tmp_path):
    assert static.read_files(tmp_path) == {}
