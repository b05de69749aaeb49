"""What the service says of itself: its OpenAPI description, from which its page is made."""

from collections.abc import Sequence
from typing import Any

from .uploads import ANY_BYTES, FORM, JSON, Limits

OPENAPI_VERSION = "3.1.0"
PROBLEMS = {  # what each status means
    "400": "The body, or a parameter, cannot be read.",
    "404": "There is nothing at this address.",
    "405": "This address takes another method.",
    "408": "The body did not arrive in time.",
    "413": "Too many bytes, or too many pictures.",
    "415": "A body of another kind than those that are read.",
    "422": "None of the pictures can be read, or there is none.",
    "503": "The service is busy: ask again after the seconds in Retry-After.",
    "504": "The answer took too long.",
}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], needed: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the schema of an object; all its properties are required, where `needed` names no others."""
    return {"type": "object", "properties": properties, "required": list(properties if needed is None else needed)}


def _answers(schema: str, description: str) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": _reference(schema)}}}


def _problems(*statuses: str) -> dict[str, Any]:
    return {status: _answers("Error", PROBLEMS[status]) for status in statuses}


def _schemas(classes: Sequence[str]) -> dict[str, Any]:
    text, whole = {"type": "string"}, {"type": "integer"}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    name = {**text, "description": "Of the file, or picture 1, picture 2, ... in the order of the request."}
    named = {
        "name": name,
        "class": {**text, "enum": list(classes)},
        "probabilities": {
            "type": "object",
            "additionalProperties": share,
            "description": "Of the likeliest classes, likeliest first.",
        },
        "none_of_these": {"type": "boolean", "description": "Whether it is unlike all pictures of the training."},
        "distance": {"type": ["number", "null"], "description": "To the nearest training picture, from 0 to 2."},
    }
    unread = {"name": name, "problem": {**text, "description": "Why the picture cannot be read."}}
    classifier = {"name": text, "fingerprint": text, "backbone": text, "classes": whole, "image_size": whole}
    error = _object({"code": text, "message": text})
    return {
        "Named": _object(named),
        "Unread": _object(unread),
        "Answers": _object({"pictures": {"type": "array", "items": {"oneOf": [_reference("Named"), _reference("Unread")]}}}),
        "Pictures": _object({"pictures": {"type": "array", "items": {**text, "contentEncoding": "base64"}}}),
        "Form": _object({"picture": {"type": "array", "items": {**text, "contentMediaType": ANY_BYTES}}}),
        "Health": _object({"status": {**text, "enum": ["ready"]}, "version": text, "classifier": _object(classifier)}),
        "Labels": _object({"labels": {"type": "array", "items": text}}),
        "Error": _object({"error": error, "pictures": {"type": "array", "items": _reference("Unread")}}, ["error"]),
    }  # fmt: skip


def _prediction(limits: Limits, most: int) -> dict[str, Any]:
    """Return the description of the one address that takes pictures."""
    binary: dict[str, Any] = {"schema": {}}
    return {
        "summary": "Name pictures",
        "description": f"Up to {limits.max_pictures} pictures in a form, one as the whole body, or several as base64 in JSON: "
        f"{limits.max_bytes:,} bytes in all, {limits.max_pixels:,} pixels each. Those that cannot be read say why.",
        "operationId": "predict",
        "parameters": [
            {
                "name": "top",
                "in": "query",
                "description": "How many of the likeliest classes each answer tells.",
                "schema": {"type": "integer", "minimum": 1, "default": most},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                FORM: {"schema": _reference("Form")},
                JSON: {"schema": _reference("Pictures")},
                "image/*": binary,
                ANY_BYTES: binary,
            },
        },
        "responses": {
            "200": _answers("Answers", "An answer for each picture, in order."),
            **_problems("400", "408", "413", "415", "422", "503", "504"),
        },
    }


def describe_service(classes: Sequence[str], limits: Limits, most: int, version: str) -> dict[str, Any]:
    """Return the OpenAPI description of the service for a classifier; `most` classes are told where `top` is not given."""
    health = {"200": _answers("Health", "It is ready.")}
    labels = {"200": _answers("Labels", "The classes, in the classifier's order.")}
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": "imgclass serve", "version": version, "description": "Names what is in pictures."},
        "paths": {
            "/predict": {"post": _prediction(limits, most)},
            "/health": {"get": {"summary": "Whether it is ready, and for what", "operationId": "health", "responses": health}},
            "/labels": {"get": {"summary": "The classes", "operationId": "labels", "responses": labels}},
        },
        "components": {"schemas": _schemas(classes)},
    }  # fmt: skip
