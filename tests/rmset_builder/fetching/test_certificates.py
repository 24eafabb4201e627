"""A site whose certificate is not trusted: a real TLS server, the real yt-dlp, certificates made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MANIFEST
from mashup_site import Clip, Site

from rmset_builder.fetching.catalog import read_rows

Run = Callable[..., Any]
Film = Callable[..., bytes]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``certificate(days, host)`` is a file with a self-signed certificate of so many days and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on PATH, which makes the certificates")
    folder = tmp_path_factory.mktemp("certificates")

    def make(days: int, host: str = "IP:127.0.0.1") -> Path:
        key, wish, own = (folder / f"{days}.{suffix}" for suffix in ("key", "csr", "crt"))
        extension = folder / "extension"
        extension.write_text(f"subjectAltName={host}\n")
        for arguments in (
            ("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
             "-out", wish, "-subj", "/CN=test"),
            ("x509", "-req", "-in", wish, "-signkey", key, "-days", str(days), "-extfile", extension, "-out", own),
        ):  # fmt: skip
            done = subprocess.run([openssl, *arguments], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"openssl makes no such certificate: {done.stderr.splitlines()[-1]}")
        both = folder / f"{days}-{host.replace(':', '-')}.pem"
        both.write_bytes(key.read_bytes() + own.read_bytes())
        return both

    return make


@pytest.fixture
def site(certificate: Callable[..., Path]) -> Iterator[Site]:
    """The site, over TLS, with a certificate that it signed itself."""
    with Site(certificate=certificate(30)) as running:
        yield running


def test_nothing_more_is_asked_of_a_site_whose_certificate_is_not_trusted(
    site: Site, film: Film, fetch: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    site.add("", *(Clip(f"v{n}", film(n)) for n in range(5)))
    urls = tmp_path / "urls.yaml"
    urls.write_text(
        "source: url\nlicence: any\nfilters: {min_duration_s: 1, min_height: 100}\ngroups:\n"
        f"  - {{name: Anger, urls: {[f'{site.url}/watch/v{n}' for n in range(5)]}}}\n"
    )
    done = fetch(urls)
    assert done.returncode == 2, done.stderr
    assert (site.refused, site.requests) == (1, [])
    rows = read_rows(tmp_path / "videos")
    assert {one: (row.state, row.reason) for one, row in rows.items()} == {
        "v0": ("failed", "certificate"), **{f"v{n}": ("found", "") for n in range(1, 5)}
    }  # fmt: skip
    assert "the certificate is not trusted (self-signed certificate); if you know whose it is" in done.stderr
    assert f"nothing more was asked of {site.url.removeprefix('https://')}" in done.stderr
    assert "1 failed, 4 not reached" in done.stderr and "Traceback" not in done.stderr

    # Another site is none the worse for it.
    with Site() as other:
        other.add("", Clip("w", film(6)))
        urls.write_text(urls.read_text().replace("urls: [", f"urls: ['{other.url}/watch/w', ", 1))
        assert fetch(urls).returncode == 1
    assert read_rows(tmp_path / "videos")["w"].state == "fetched"

    # What the remedy says helps, and the failures counted against no video.
    environment["SSL_CERT_FILE"] = str(site.certificate)
    done = fetch(urls)
    assert done.returncode == 0, done.stderr
    assert [read_rows(tmp_path / "videos")[f"v{n}"].state for n in range(5)] == ["fetched"] * 5


@pytest.mark.parametrize(
    ("days", "host", "why", "remedy"),
    [
        (-1, "IP:127.0.0.1", "certificate has expired", "see whether this machine's clock is right"),
        (30, "DNS:elsewhere.example", "IP address mismatch", "check the address: something else answers there"),
    ],
)
def test_searches_stop_and_the_remedy_is_that_of_the_fault(
    certificate: Callable[..., Path], fetch: Run, environment: dict[str, str], tmp_path: Path, days: int, host: str,
    why: str, remedy: str,
) -> None:  # fmt: skip
    with Site(certificate=certificate(days, host)) as site:
        environment["SSL_CERT_FILE"] = str(site.certificate)
        groups = "  - {name: Anger, keywords: [a, b, c, d]}\n"
        path = tmp_path / "keywords.yaml"
        path.write_text(MANIFEST.format(source=site.search_url, licence="any", per_keyword=3, groups=groups))
        done = fetch(path)
        assert (done.returncode, site.refused, done.stderr.count("failed: search")) == (2, 1, 1), done.stderr
    assert f"certificate: the certificate is not trusted ({why}" in done.stderr
    assert remedy in done.stderr
