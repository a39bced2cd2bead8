"""A bucket in the place of a folder, by S3's own protocol (the extra slow, which `make test-slow` installs)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyarrow import fs

from assistant.errors import BadSettings
from assistant.scale.blocks import Here, Job, run
from tests.assistant.scale.test_blocks import shouting  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server of S3's protocol with a bucket `shop`, and pyarrow's file system on it."""
    server = pytest.importorskip("moto.server", reason="the extra slow is not installed").ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "some",
        "AWS_SECRET_ACCESS_KEY": "one",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    assert httpx.put(f"{address}/shop").is_success
    yield fs.FileSystem.from_uri("s3://shop")[0]
    server.stop()


class Dies(Here):
    """Ends after two blocks."""

    def work(self, job: Job, blocks: Any) -> Any:
        for number, done in enumerate(super().work(job, blocks)):
            if number == 2:
                raise KeyboardInterrupt
            yield done


def put(store: Any, name: str, text: str) -> None:
    with store.open_output_stream(f"shop/{name}") as into:
        into.write(text.encode())


def objects(store: Any, folder: str) -> dict[str, str]:
    found = store.get_file_info(fs.FileSelector(f"shop/{folder}", recursive=True))
    return {each.path: store.open_input_stream(each.path).read().decode() for each in found if each.is_file}


def test_every_row_of_a_bucket_comes_out_once_also_after_a_kill(bucket: Any) -> None:
    put(bucket, "in/2026/may.csv", "text\n" + "".join(f"row {n}\n" for n in range(7)))
    put(bucket, "in/lines.txt", "one\ntwo\nthree\n")
    job = Job("shout_batch", "s3://shop/in", "s3://shop/out", block_rows=3)
    with pytest.raises(KeyboardInterrupt):
        run(job, Dies())
    assert not any(name.endswith("_SUCCESS") for name in objects(bucket, "out"))
    last = run(job, Here())
    assert (last.done, last.total) == (10, 10) and last.resumed > 0
    made = objects(bucket, "out")
    rows = [line for name, text in sorted(made.items()) if name.endswith(".csv") for line in text.splitlines()[1:]]
    assert rows == [f"row {n},ROW {n}" for n in range(7)]
    assert made["shop/out/lines-00000.txt"].split() == ["ONE", "one", "TWO", "two", "THREE", "three"]
    assert "shop/out/_SUCCESS" in made


def test_a_bucket_that_there_is_not_is_told(bucket: Any, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no folder s3://nowhere/in"):
        run(Job("shout_batch", "s3://nowhere/in", str(tmp_path / "out")), Here())
