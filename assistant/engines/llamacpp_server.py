"""The process that llama.cpp runs in: `python -m assistant.engines.llamacpp_server`, started by llamacpp.py.

Loading a model holds Python's lock for seconds and a crash of native code ends its process: neither should reach the
page, so the native server gets a process of its own and speaks HTTP on a random loopback port.

The first line of standard input is a JSON object of settings; the first line of standard output is {"address": …} or
{"error": …}. The process ends when its standard input closes, that is, with its parent, however that ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from typing import Any


def serve(settings: dict[str, Any]) -> Any:
    """The running server. settings: path, adapters, context_length, slots, prompt_batch, cache_mib, gpu_layers,
    threads, key. The adapters are there, and touch nothing until a request names one."""
    xllamacpp: Any = importlib.import_module("xllamacpp")  # a compiled module without type stubs
    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(each, 0.0) for each in settings["adapters"]]
    params.n_ctx = settings["context_length"] * settings["slots"]
    params.n_parallel = settings["slots"]
    params.n_batch = settings["prompt_batch"]
    params.n_gpu_layers = settings["gpu_layers"]
    params.cache_ram_mib = settings["cache_mib"]
    params.api_keys = [settings["key"]]
    params.ui = False
    params.verbosity = -1
    if settings["threads"] is not None:
        params.cpuparams.n_threads = settings["threads"]
        params.cpuparams_batch.n_threads = settings["threads"]
    return xllamacpp.Server(params)


def main() -> None:
    """Serve until standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes our input
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever native code prints must not mix with the answer
    settings = json.loads(sys.stdin.readline())
    try:
        server = serve(settings)
        print(json.dumps({"address": server.listening_address}), file=answer, flush=True)
    except Exception as error:  # noqa: BLE001 - the parent maps it
        print(json.dumps({"error": str(error)}), file=answer, flush=True)
        return
    sys.stdin.read()
    os._exit(0)  # an orderly end would wait for replies that nobody reads any more


if __name__ == "__main__":
    main()
