"""The same API by several processes, on this machine or on a cluster of them: Ray Serve.

client → Ray's proxy (one on each machine) → a replica, which has an assistant of its own → models

Requests go to whichever replica has the least to do. One that is lost is replaced; its own requests end with an error.
Each replica keeps its own lines, limits and figures: what a key may do in a minute holds for each of them. At the
end they are told first (replicas_end.py).
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from assistant import paths
from assistant.errors import BadSettings, RunError
from assistant.hardware import detect
from assistant.placement import shared
from assistant.scale.on_ray import connect, cores_each, most_beside, most_workers, own_node, resources
from assistant.service import Assistant
from ui.api import replicas_end
from ui.api.keys import Keys
from ui.api.logs import audit_to, log_errors
from ui.api.server import GRACE_SECONDS, check
from ui.api.state import READING_AT_ONCE, Serving
from ui.api.work import LAST_WORDS_SECONDS
from ui.listening import KEEP_ALIVE_SECONDS, check_port
from ui.listening import address as url

NAME = "parley"


def scaling(serving: Serving, least: int, most: int) -> dict[str, Any]:
    """Ray Serve's settings of a deployment with that many replicas: so many, or between the two by what is asked.

    Raises BadSettings.
    """
    if not 1 <= least <= most:
        raise BadSettings(
            f"There are between {least} and {most} replicas, which cannot be.",
            hint="Give --replicas N, or --replicas N --most-replicas M with M at least N.",
        )
    number: dict[str, Any] = (
        {"num_replicas": least}
        if least == most
        else {
            "autoscaling_config": {
                "min_replicas": least,
                "max_replicas": most,
                "target_ongoing_requests": float(serving.at_once),
            }
        }
    )
    return {
        **number,
        # Those that wait, wait in the replica, which knows whose turn it is; more than that it turns away itself.
        "max_ongoing_requests": 2 * (serving.at_once + READING_AT_ONCE + serving.waiting),
        # One that is taken away while others stay finishes what it has, each request within its own time.
        "graceful_shutdown_timeout_s": serving.deadline_seconds + GRACE_SECONDS,
    }


def proxies(serving: Serving) -> dict[str, Any]:
    """Ray Serve's settings of its proxies, one on each machine."""
    return {
        "host": serving.host,
        "port": serving.port,
        # Later than the replica's own deadline, which answers in OpenAI's shape.
        "request_timeout_s": serving.deadline_seconds + GRACE_SECONDS,
        "keep_alive_timeout_s": KEEP_ALIVE_SECONDS,
    }


def start(serving: Serving, least: int, most: int, *, address: str = "") -> Any:
    """Deploy the replicas, and return when they answer, with what `stop` ends them by. address: of a cluster; "" one of
    this machine.

    Raises BadSettings where Ray is not installed, the cluster does not answer, is too small or serves something else
    already, UnknownModel, UserError where the port is taken, RunError where no replica comes up.
    """
    settings = scaling(serving, least, most)
    if not serving.port:
        raise BadSettings("Replicas share a port that has to be named.", hint="Give --port N.")
    check(serving, Keys())
    check_port(serving.host, serving.port)
    assistant = Assistant()
    for name in serving.models:
        assistant.find(name)
    assistant.close()
    connect(address)
    import ray

    try:
        if any("SERVE_CONTROLLER" in name for name in _actors()):
            raise BadSettings("Something is served on this cluster already.", hint="`serve shutdown` ends it.")
        ending = replicas_end.prepare()
        _deploy(serving, least, most, settings)
    except BaseException:
        ray.shutdown()
        raise
    return ending


def _deploy(serving: Serving, least: int, most: int, settings: dict[str, Any]) -> None:
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions
    from ray.serve.exceptions import RayServeException

    cluster = ray.cluster_resources()
    if least > most_workers(cluster):
        hint = f"It has room for {most_workers(cluster)}."
        raise BadSettings(f"{least} replicas do not fit the cluster's cores or GPUs.", hint=hint)
    cores = cores_each([node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]], most)

    def app() -> Any:
        os.environ["OMP_NUM_THREADS"] = str(cores)  # a replica would else have a thread for each core of the machine
        from ui.api.app import create_api

        log_errors()
        audit_to(paths.home() / "logs" / f"api-{os.getpid()}.jsonl")
        machine = shared(detect(), most_beside(own_node(), cores, most))
        api = create_api(Assistant(machine=machine), serving, keys=Keys())
        replicas_end.await_end(api.state.parley, GRACE_SECONDS)
        return api

    try:
        serve.start(
            proxy_location="EveryNode",
            http_options=HTTPOptions(**proxies(serving)),
            logging_config={"log_level": "WARNING", "enable_access_log": False},
        )
        taken = {**resources(cluster), "num_cpus": cores}
        deployed = serve.deployment(name=NAME, ray_actor_options=taken, **settings)(serve.ingress(app)())
        serve.run(deployed.bind(), name=NAME, route_prefix="/")
    except (RuntimeError, TimeoutError, RayServeException) as error:
        serve.shutdown()
        hint = "`ray status` and the logs under /tmp/ray/session_latest/logs/serve say more."
        raise RunError(f"The replicas did not come up: {error}", hint=hint) from error


def _actors() -> list[str]:
    """Names of the cluster's named actors."""
    from ray.util import list_named_actors

    return [str(each["name"]) for each in list_named_actors(all_namespaces=True)]  # type: ignore[index]


def stop(ending: Any = None) -> None:
    """End the replicas, which finish what they write or tell, and leave the cluster. ending: what `start` returned."""
    import ray
    from ray import serve

    if ending is not None:
        there: Any = serve.status().applications.get(NAME)
        running = there.deployments[NAME].replica_states.get("RUNNING", 0) if there else 0
        replicas_end.end(ending, running, GRACE_SECONDS + LAST_WORDS_SECONDS)
    serve.shutdown()
    ray.shutdown()


def serve_replicas(serving: Serving, least: int, most: int, *, address: str = "") -> None:
    """Serve until Ctrl-C or SIGTERM. Raises what `start` raises."""
    ending = start(serving, least, most, address=address)
    ended = threading.Event()

    def end(*_: object) -> None:
        ended.set()

    for each in (signal.SIGINT, signal.SIGTERM):  # only now: Ray takes SIGTERM for itself when it begins
        signal.signal(each, end)
    try:
        number = f"{least}" if least == most else f"{least} to {most}"
        print(  # noqa: T201
            f"Parley's API is at {url(serving.host, serving.port)}/v1, by {number} replicas  (Ctrl-C ends it)",
            flush=True,
        )
        ended.wait()
    finally:
        stop(ending)
