"""The C2PA manifest in an image file: whether there is one, and what the optional c2pa package says of it."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ganprint.images.formats import printable

# A JUMBF superbox whose description box has C2PA's type (C2PA 2.1, 11.1.4): the same bytes in every container.
_MANIFEST_STORE = re.compile(
    rb"jumb.{4}jumd" + re.escape(bytes.fromhex("6332706100110010800000aa00389b71")), re.DOTALL
)
_MEDIA_TYPES = {"JPEG": "image/jpeg"} | {
    name: f"image/{name.lower()}" for name in ("PNG", "WEBP", "TIFF", "GIF", "AVIF")
}
# ganprint touches no network: neither a manifest kept elsewhere nor a certificate's status is fetched.
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_MOST_FAILURES = 5
_LONGEST = 200


class Provenance(BaseModel):
    """What is known of an image's C2PA manifest.

    `state`: "absent"; "unchecked" where the c2pa package is not installed; "valid" where its signature and
    hashes hold, whoever signed; "invalid" where they do not; "unreadable" where the package reads no
    manifest. `detail` is a sentence: who signed, what made the claim, what failed. `digital_source_type` is
    the first IPTC one that its actions state, such as trainedAlgorithmicMedia, or those of what it was made of.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["absent", "unchecked", "valid", "invalid", "unreadable"]
    detail: str
    digital_source_type: str | None = None


def read_provenance(data: bytes, format: str) -> Provenance:
    """Look for a C2PA manifest in the bytes of an image file of a format by Pillow's name; never raises."""
    if _MANIFEST_STORE.search(data) is None:
        return Provenance(state="absent", detail="It holds no C2PA manifest.")
    try:
        from c2pa import Context, Reader, Settings
    except Exception:  # a library that does not load on this machine is as good as none
        return Provenance(
            state="unchecked",
            detail="It holds a C2PA manifest, which was not checked: pip install 'ganprint[provenance]'.",
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
    made = (
        f"Signed by {_short(', '.join(map(str, signers)) or 'unknown')}, claimed by {_short(generators[0])}"
    )
    failures = list(dict.fromkeys(str(found["code"]) for found in store.get("validation_status") or []))
    # "Trusted" adds a list of certificates to "Valid"; whom to trust is for the reader to say.
    holds = store.get("validation_state") in ("Valid", "Trusted")
    failed = f"; it reports {', '.join(map(_short, failures[:_MOST_FAILURES]))}" if failures else ""
    return Provenance(
        state="valid" if holds else "invalid",
        detail=f"{made}{failed}.",
        digital_source_type=next(_source_types([manifest, *store["manifests"].values()]), None),
    )


def _source_types(manifests: list[dict[str, Any]]) -> Iterator[str]:
    for manifest in manifests:
        for assertion in manifest.get("assertions") or []:
            if str(assertion.get("label", "")).startswith("c2pa.actions"):
                for action in assertion["data"].get("actions") or []:
                    if action.get("digitalSourceType"):
                        yield short_source_type(str(action["digitalSourceType"]))


def _short(text: object) -> str:
    return printable(str(text))[:_LONGEST].rstrip(".")
