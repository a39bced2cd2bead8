"""Every failure that the Hub's client can raise is said in our words."""

from __future__ import annotations

import errno
import inspect

import httpx2
import pytest
from huggingface_hub import errors

from assistant.catalogue import HubSource
from assistant.errors import DiskFull, ModelNotAvailable, ParleyError, UnknownModel
from assistant.weights.hub_fetch import Bar, explain

SOURCE = HubSource("org/model", "v1")


def http(kind: type[errors.HfHubHTTPError], status: int = 404) -> errors.HfHubHTTPError:
    return kind("secret detail", response=httpx2.Response(status, request=httpx2.Request("GET", "http://hub")))


def not_cached(cause: Exception | None = None) -> errors.LocalEntryNotFoundError:
    error = errors.LocalEntryNotFoundError("not here")
    error.__cause__ = cause
    return error


# The order matters: RepositoryNotFoundError is the parent of GatedRepoError, HfHubHTTPError that of most.
CASES: list[tuple[BaseException, type[ParleyError], str]] = [
    (http(errors.GatedRepoError, 403), ModelNotAvailable, "is gated"),
    (http(errors.RepositoryNotFoundError, 401), ModelNotAvailable, "or it is private"),
    (http(errors.RevisionNotFoundError), ModelNotAvailable, "has no revision v1"),
    (http(errors.DisabledRepoError, 403), ModelNotAvailable, "disabled"),
    (http(errors.RemoteEntryNotFoundError), ModelNotAvailable, "lacks a file"),
    (http(errors.BadRequestError, 400), ModelNotAvailable, "HTTP 400"),
    (http(errors.HfHubHTTPError, 401), ModelNotAvailable, "refuses access"),
    (http(errors.HfHubHTTPError, 403), ModelNotAvailable, "refuses access"),
    (http(errors.HfHubHTTPError, 429), ModelNotAvailable, "too often"),
    (http(errors.HfHubHTTPError, 503), ModelNotAvailable, "HTTP 503"),
    (errors.OfflineModeIsEnabled("offline"), ModelNotAvailable, "HF_HUB_OFFLINE is set"),
    (not_cached(errors.OfflineModeIsEnabled("offline")), ModelNotAvailable, "HF_HUB_OFFLINE is set"),
    (not_cached(), ModelNotAvailable, "did not answer"),
    (errors.IncompleteSnapshotError("half", snapshot_path="/x"), ModelNotAvailable, "did not answer"),
    (errors.LocalTokenNotFoundError("no token"), ModelNotAvailable, "needs a login"),
    (errors.FileMetadataError("no etag"), ModelNotAvailable, "did not answer"),
    (errors.DryRunError("no dry run"), ModelNotAvailable, "did not answer"),
    (errors.XetDownloadError("cut"), ModelNotAvailable, "did not answer"),
    (errors.HFValidationError("bad name"), UnknownModel, "not a name"),
    (httpx2.ProxyError("refused"), ModelNotAvailable, "proxy refused"),
    (httpx2.ConnectError("refused"), ModelNotAvailable, "did not answer"),
    (httpx2.ConnectTimeout("slow"), ModelNotAvailable, "did not answer"),
    (httpx2.ReadTimeout("slow"), ModelNotAvailable, "did not answer"),
    (httpx2.RemoteProtocolError("cut"), ModelNotAvailable, "did not answer"),
    (OSError(errno.ENOSPC, "No space left on device"), DiskFull, "filled up"),
    (OSError("Consistency check failed: file should be of size 5"), ModelNotAvailable, "Consistency check failed"),
    (RuntimeError("surprise\nsecond line"), ModelNotAvailable, "RuntimeError: second line"),
    (DiskFull("ours already"), DiskFull, "ours already"),
]


@pytest.mark.parametrize(("error", "kind", "said"), CASES, ids=lambda case: type(case).__name__)
def test_failure_is_said_in_our_words(error: BaseException, kind: type[ParleyError], said: str) -> None:
    told = explain(error, SOURCE)
    assert type(told) is kind
    assert said in told.message
    assert told.hint or told is error
    assert "secret detail" not in str(told)


OTHERS = {
    "BucketBatchError",
    "BucketNotFoundError",
    "CLIError",
    "CLIExtensionInstallError",
    "CacheNotFound",
    "CachedRepoTreeNotFoundError",
    "ConfirmationError",
    "CorruptedCacheException",
    "DDUFCorruptedFileError",
    "DDUFError",
    "DDUFExportError",
    "DDUFInvalidEntryNameError",
    "DeviceCodeError",
    "EntryNotFoundError",  # only its two children are raised
    "FileDuplicationError",
    "GenerationError",
    "HfUriError",
    "IncompleteGenerationError",
    "InferenceEndpointError",
    "InferenceEndpointTimeoutError",
    "InferenceTimeoutError",
    "JobNotFoundError",
    "NotASafetensorsRepoError",
    "OIDCError",
    "OverloadedError",
    "RevisionResolutionError",  # of HfApi.resolve_revision, which is not called
    "SafetensorsParsingError",
    "SandboxCommandError",
    "SandboxError",
    "StrictDataclassClassValidationError",
    "StrictDataclassDefinitionError",
    "StrictDataclassError",
    "StrictDataclassFieldValidationError",
    "TextGenerationError",
    "UnknownError",
    "ValidationError",
}
"""Errors of parts of the client that Parley does not use."""


def test_no_error_of_the_client_is_forgotten() -> None:
    raised = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == errors.__name__
    }
    assert raised - {type(error).__name__ for error, *_ in CASES} - OTHERS == set()


def test_bar_tells_the_larger_of_received_and_written_bytes() -> None:
    told: list[int] = []
    Bar.tell, Bar.counts = told.append, {}
    received, written, files = Bar(unit="B", total=0), Bar(unit="B", total=0), Bar(total=3)
    received.update(100)
    written.update(40)
    files.update(1)
    received.set_postfix_str("fast", refresh=False)
    assert told == [100, 100]
