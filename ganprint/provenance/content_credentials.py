"""The C2PA manifest of an image file: whether there is one, and what the optional c2pa package reports."""

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from ganprint.plain_text import printable

# A JUMBF superbox whose description box has C2PA's type (C2PA 2.1, 11.1.4): the same bytes in every container.
_MANIFEST_STORE = re.compile(rb"jumb.{4}jumd" + re.escape(bytes.fromhex("6332706100110010800000aa00389b71")), re.DOTALL)
_MEDIA_TYPES = {name: f"image/{name.lower()}" for name in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF")}
# ganprint touches no network: neither a manifest kept elsewhere nor a certificate's status is fetched.
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
# Failures that only say who could not be known or asked about: whom to trust is for the reader to say.
_UNKNOWN_IDENTITY = re.compile(
    r"signingCredential\.(untrusted|ocsp\.(inaccessible|skipped|unknown))|timeStamp\.untrusted"
    r"|cawg\.(ica\.(did_unavailable|untrusted_issuer)|x509\.(signing_)?credential\.untrusted)"
)
# Text in a manifest's CBOR, for where the package is not installed.
_SOURCE_TYPE = re.compile(rb"digitalsourcetype/([A-Za-z]{4,60})")
_SOFTWARE = re.compile(
    rb"ChatGPT|OpenAI[ -]API|GPT-4o|DALL[^\0-\x1f]{1,3}E|Adobe[ _]Firefly|Midjourney|Bing Image Creator"
    rb"|Microsoft_Responsible_AI|Stability AI|Black Forest Labs|Google Generative AI"
)
_MOST_SEARCHED = 4 * 1024 * 1024
_MOST_FAILURES = 5
_LONGEST = 200


class Provenance(BaseModel, frozen=True):
    """What is known of an image's C2PA manifest.

    `state`: "absent"; "remote" where the file names one kept elsewhere, which is not fetched; "unchecked" where the
    c2pa package is not installed; "valid" where its signature and hashes hold, whoever signed; "invalid" where they do
    not; "unreadable" where the package reads no manifest. `detail` is a sentence: who signed, what made the claim, what
    failed. `digital_source_type` is the first IPTC one that its actions state, such as trainedAlgorithmicMedia, or
    those of what it was made of; `software` is what made the claim and what its actions name.
    """

    state: Literal["absent", "remote", "unchecked", "valid", "invalid", "unreadable"]
    detail: str
    digital_source_type: str | None = None
    software: list[str] = []


def read_provenance(data: bytes, format: str, elsewhere: Sequence[str] = ()) -> Provenance:
    """Look for a C2PA manifest in the bytes of an image file of a format that `sniff` names; never raises.

    `elsewhere` are the addresses of manifests that its XMP states.
    """
    store = _MANIFEST_STORE.search(data)
    if store is None and elsewhere:
        place = _short(elsewhere[0])
        return Provenance(state="remote", detail=f"Its C2PA manifest is kept elsewhere and was not fetched: {place}.")
    if store is None:
        return Provenance(state="absent", detail="It holds no C2PA manifest.")
    try:
        from c2pa import Context, Reader, Settings
    except Exception:  # a library that does not load on this machine is as good as none
        return Provenance(
            state="unchecked",
            detail="It holds a C2PA manifest, which was not checked: pip install 'ganprint[provenance]'.",
            **_unchecked(data[store.start() : store.start() + _MOST_SEARCHED]),
        )
    try:
        context = Context(Settings.from_dict(_OFFLINE))
        with Reader(_MEDIA_TYPES.get(format), io.BytesIO(data), context=context) as reader:
            return _judged(json.loads(reader.json()))
    except Exception as error:
        # The manifest is whatever its writer put there, and the package may fail on it in any way at all.
        return Provenance(state="unreadable", detail=f"Its C2PA manifest cannot be read: {_short(error)}.")


def short_source_type(uri: str) -> str:
    """Return the name at the end of an IPTC digital source type's address."""
    return _short(uri.strip().rstrip("/").rsplit("/", 1)[-1])


def _judged(store: dict[str, Any]) -> Provenance:
    manifest = store["manifests"][store["active_manifest"]]
    signature = manifest.get("signature_info") or {}
    signers = [signature[key] for key in ("issuer", "common_name") if signature.get(key)]
    generators = [
        " ".join(str(info[key]) for key in ("name", "version") if info.get(key))
        for info in manifest.get("claim_generator_info") or []
    ] or [manifest.get("claim_generator") or "unknown software"]
    made = f"Signed by {_short(', '.join(map(str, signers)) or 'unknown')}, claimed by {_short(generators[0])}"
    failures = list(dict.fromkeys(str(found["code"]) for found in store.get("validation_status") or []))
    # "Trusted" adds a list of certificates to "Valid".
    holds = store.get("validation_state") in ("Valid", "Trusted") or (
        bool(failures) and all(map(_UNKNOWN_IDENTITY.fullmatch, failures))
    )
    failed = f"; it reports {', '.join(map(_short, failures[:_MOST_FAILURES]))}" if failures else ""
    actions = [*_actions([manifest, *store["manifests"].values()])]
    agents = [action.get("softwareAgent") for action in actions]
    named = [str(agent.get("name") if isinstance(agent, dict) else agent) for agent in agents if agent]
    return Provenance(
        state="valid" if holds else "invalid",
        detail=f"{made}{failed}.",
        digital_source_type=next(
            (short_source_type(str(a["digitalSourceType"])) for a in actions if a.get("digitalSourceType")), None
        ),
        software=[_short(name) for name in dict.fromkeys([*map(str, generators), *named])][:_MOST_FAILURES],
    )


def _actions(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for manifest in manifests:
        for assertion in manifest.get("assertions") or []:
            if str(assertion.get("label", "")).startswith("c2pa.actions"):
                yield from assertion["data"].get("actions") or []


def _unchecked(manifest: bytes) -> dict[str, Any]:
    """Find what a manifest that was not parsed says; a source type of a trained model comes first."""
    types = sorted(_SOURCE_TYPE.findall(manifest), key=lambda name: b"rained" not in name)
    software = dict.fromkeys(name.decode("utf-8", "replace") for name in _SOFTWARE.findall(manifest))
    return {
        "digital_source_type": types[0].decode("ascii") if types else None,
        "software": [_short(name) for name in software][:_MOST_FAILURES],
    }


def _short(text: object) -> str:
    return printable(str(text))[:_LONGEST].rstrip(".")
