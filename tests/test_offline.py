"""A second start needs no network: with every way out blocked, the page is served and every tab's task runs."""

from __future__ import annotations

import http.client
import importlib
import ipaddress
import socket
from typing import Any

from fresh import passes_in_a_fresh_process

from mm_demos import samples

refused: list[str] = []


def block_the_network() -> None:
    """Let sockets reach this machine only, and keep a list of what was asked of any other."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def local(host: object) -> bool:
        try:
            return host in {None, "", "localhost", b"localhost"} or ipaddress.ip_address(str(host)).is_loopback
        except ValueError:
            return False

    def refuse(host: object) -> OSError:
        refused.append(str(host))
        return OSError(f"the test blocks {host}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not local(address[0]):
            raise refuse(address[0])
        connect(self, address)

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if not local(host) and host != "0.0.0.0":  # noqa: S104 (looked up by servers to bind, which reaches nobody)
            raise refuse(host)
        return look_up(host, *arguments, **options)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_look_up


def the_suite_runs_without_a_network() -> None:
    block_the_network()
    from gradio_client import Client, handle_file

    from mm_demos import tabs
    from mm_demos.serving.launch import launch

    page = launch(tabs.TABS, host="127.0.0.1", port=7890, block=False)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", page.server_port, timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        client = Client(page.local_url, verbose=False)
        cat, speech = handle_file(str(samples.path("cat.jpg"))), handle_file(str(samples.path("jfk.flac")))
        assert "country" in client.predict(audio=speech, api_name="/transcribe")["text"]
        assert "cat" in client.predict(image=cat, api_name="/caption")["captions"][0]["text"]
        assert client.predict(image=cat, question="Is there a cat?", api_name="/answer")["text"] == "yes"
        assert client.predict(labels="cat, car, tree", image=cat, api_name="/classify")["label"] == "cat"
    finally:
        page.close()
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    except OSError:
        assert refused == ["192.0.2.1"], refused  # the block works, and nothing before this line met it
    else:
        raise AssertionError("the network was not blocked")


def an_onnx_session_writes_nothing_but_its_answer() -> None:
    import os
    import tempfile
    from pathlib import Path

    os.environ.pop("ORT_DISABLE_TELEMETRY", None)
    import mm_demos

    importlib.reload(mm_demos)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        import onnxruntime
        from onnx import TensorProto, helper

        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
        graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "negation", ends[:1], ends[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        left = [path.name for path in Path(folder).iterdir()]
    assert left == [], f"ONNX Runtime's telemetry notes its session in {left}"


def test_onnx_runtime_reports_to_nobody() -> None:
    """Its telemetry is native code, which the sockets blocked below do not see; it leaves `.ses` in the temporary folder."""
    passes_in_a_fresh_process(an_onnx_session_writes_nothing_but_its_answer)


def test_a_second_start_needs_no_network(real_weights: Any) -> None:
    for name in ("whisper-base", "mm-mini-captioner"):
        real_weights(name)
    passes_in_a_fresh_process(the_suite_runs_without_a_network, seconds=300)
