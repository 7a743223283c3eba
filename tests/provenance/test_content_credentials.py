"""C2PA manifests are found without the package, checked with it, and never fetched."""

import io
import json
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from ganprint.provenance.content_credentials import read_provenance
from ganprint.provenance.stated import read_stated

from .conftest import SOURCE, picture, read_metadata, with_manifest, with_xmp, xmp


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_c2pa_manifest_is_found_without_the_package(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found = read_metadata(with_manifest(kind), kind)
    assert found.c2pa.state == "unchecked"
    assert "pip install 'ganprint[provenance]'" in found.c2pa.detail
    assert found.notes == []
    assert read_metadata(picture(kind), kind).c2pa.state == "absent"


# What Reader.json of c2pa-python 0.38.1 gave for a JPEG signed by a certificate of our own, shortened.
MADE = {"softwareAgent": {"name": "Example Generator"}, "digitalSourceType": SOURCE + "trainedAlgorithmicMedia"}
MANIFEST = {
    "claim_generator_info": [{"name": "example-app", "version": "1.0"}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created", **MADE}]}}],
    "signature_info": {"alg": "Es256", "issuer": "Example Newsroom", "common_name": "signer"},
}
STORE = {"active_manifest": "urn:c2pa:1", "manifests": {"urn:c2pa:1": MANIFEST}}


def stub_reader(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[object]:
    """Put a c2pa in place whose Reader answers with a recorded store; return the settings it is given."""
    settings: list[object] = []

    def reader(format: str, stream: io.BytesIO, context: object) -> object:
        assert (format, stream.read(2)) == ("image/jpeg", b"\xff\xd8")
        return nullcontext(SimpleNamespace(json=lambda: answer))

    given = SimpleNamespace(from_dict=lambda given: given)
    package = SimpleNamespace(Reader=reader, Context=settings.append, Settings=given)
    monkeypatch.setitem(sys.modules, "c2pa", package)
    return settings


@pytest.mark.parametrize(
    ("state", "codes", "told"),
    [
        ("Valid", ["signingCredential.untrusted"], "valid"),
        ("Trusted", [], "valid"),
        ("Invalid", ["cawg.ica.did_unavailable"], "valid"),
        ("Invalid", ["cawg.ica.did_unavailable", "assertion.dataHash.mismatch"], "invalid"),
        ("Invalid", ["assertion.dataHash.mismatch"], "invalid"),
        (None, [], "invalid"),
    ],
)
def test_the_package_s_answer_is_told(
    state: str | None, codes: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = [{"code": code} for code in codes]
    answer = json.dumps(STORE | {"validation_state": state, "validation_status": status})
    settings = stub_reader(monkeypatch, answer)
    metadata = read_metadata(with_manifest("JPEG"), "JPEG")
    assert metadata.c2pa.state == told
    assert metadata.c2pa.detail.startswith("Signed by Example Newsroom, signer, claimed by example-app 1.0")
    assert all(code in metadata.c2pa.detail for code in codes)
    assert metadata.digital_source_type == "trainedAlgorithmicMedia"
    assert settings == [{"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}]


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"active_manifest": "a", "manifests": {"a": [1]}}'])
def test_a_manifest_the_package_cannot_read_is_unreadable(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stub_reader(monkeypatch, answer)
    assert read_provenance(with_manifest("JPEG"), "JPEG").state == "unreadable"


def test_a_real_package_finds_nothing_in_an_empty_manifest() -> None:
    pytest.importorskip("c2pa")
    assert read_provenance(with_manifest("JPEG"), "JPEG").state == "unreadable"


def test_a_manifest_kept_elsewhere_is_mentioned_and_not_fetched() -> None:
    packet = xmp("", 'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="https://example.org/a.c2pa"')
    data = with_xmp("JPEG", packet)
    found = read_metadata(data, "JPEG").c2pa
    assert (found.state, "https://example.org/a.c2pa" in found.detail) == ("remote", True)
    assert read_stated(data).notes == (found.detail,)


def test_an_unchecked_manifest_still_tells_its_source_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    data = with_manifest("JPEG") + b"digitalSourceType" + f"x{SOURCE}trainedAlgorithmicMedia".encode()
    assert read_metadata(data, "JPEG").stated_generator == "a trained model"
    named = read_metadata(data + b"jdnameoOpenAI-API", "JPEG")
    assert (named.c2pa.state, named.stated_generator) == ("unchecked", "OpenAI's image generation")
