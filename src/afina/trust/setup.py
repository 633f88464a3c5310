"""What a certificate depends on besides the artefact: when any of it changes, the certificate holds no longer."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from afina.domain.certificate import Certificate
from afina.domain.document import digest
from afina.trust.certificate import ANSWER_TOKENS, BOUNDS
from afina.trust.prompts import PROMPTS_DIGEST

PACKAGES = ("openvino", "openvino-genai", "openvino-tokenizers", "tokenizers", "torch", "transformers", "peft")


def versions() -> dict[str, str]:
    """The installed versions of what computes."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def setup_of(*, use: str, options: Mapping[str, Any], serving: str) -> str:
    """Digest of an engine's plugin, its options, the digest of its own files, versions, prompts and bounds."""
    rest = [dict(options), versions(), dict(BOUNDS), ANSWER_TOKENS]
    return digest(use, serving, PROMPTS_DIGEST, json.dumps(rest, sort_keys=True, default=str))


def refusal(certificate: Certificate | None, *, setup: str, name: str, engine: str) -> str:
    """Why a model may not be served, with the figures; '' if its certificate holds."""
    verify = f"afina verify {name} --engine {engine}"
    if certificate is None:
        return f'"{name}" has no certificate for the engine "{engine}" yet; make one with: {verify}'
    if certificate.setup != setup:
        return f'the certificate of "{name}" is for another setup of the engine "{engine}"; renew it with: {verify}'
    return "" if certificate.passed else f'"{name}" may not be served: {certificate.summary}'
