"""GStreamer's webrtcbin: a JSON command a line on stdin, a JSON answer a line on stdout, until stdin
closes."""

import errno
import json
import select
import socket
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402, F401

# More than libnice takes to give up a server.
GATHERING_SECONDS = 30

# webrtcbin starts with all transports at about the same time.
OTHER_SECONDS = 2


class Webrtcbin:
    """One element that gathers candidates for a data channel."""

    def __init__(self, policy):
        self.pipeline = Gst.Pipeline.new(None)
        self.element = Gst.ElementFactory.make("webrtcbin")
        self.pipeline.add(self.element)
        self.element.set_property("ice-transport-policy", policy)
        self.candidates = []
        self.complete = threading.Event()
        self.element.connect("on-ice-candidate", self.on_candidate)
        self.element.connect("notify::ice-gathering-state", self.on_gathering_state)

    def on_candidate(self, _element, _line, candidate):
        self.candidates.append(candidate)

    def on_gathering_state(self, element, _property):
        state = element.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self.complete.set()

    def gather(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.element.emit("create-data-channel", "e2e", None)
        created = Gst.Promise.new()
        self.element.emit("create-offer", None, created)
        created.wait()
        # The offer belongs to the reply, which has to stay until it is copied.
        reply = created.get_reply()
        offer = reply.get_value("offer")
        self.element.emit("set-local-description", offer, Gst.Promise.new())

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)


def version():
    nice = Gst.Registry.get().find_plugin("nice")
    return f"{'.'.join(map(str, Gst.version()[:3]))} with libnice {nice.get_version()}"


def take_turn_server(element, way, server):
    """Whether webrtcbin takes it, by its property or by its action."""
    if way == "turn-server":
        element.set_property("turn-server", server)
        return element.get_property("turn-server") is not None
    return element.emit("add-turn-server", server)


def relays(way, server):
    """Whether webrtcbin takes a TURN server, and what it gathers with no other candidates."""
    webrtcbin = Webrtcbin(GstWebRTC.WebRTCICETransportPolicy.RELAY)
    taken = take_turn_server(webrtcbin.element, way, server)
    webrtcbin.gather()
    complete = webrtcbin.complete.wait(GATHERING_SECONDS)
    webrtcbin.stop()
    return {"taken": taken, "complete": complete, "candidates": webrtcbin.candidates}


def reflexive(server):
    """What webrtcbin gathers with a STUN server."""
    webrtcbin = Webrtcbin(GstWebRTC.WebRTCICETransportPolicy.ALL)
    webrtcbin.element.set_property("stun-server", server)
    webrtcbin.gather()
    complete = webrtcbin.complete.wait(GATHERING_SECONDS)
    webrtcbin.stop()
    candidates = [it for it in webrtcbin.candidates if " typ srflx" in it]
    return {"taken": True, "complete": complete, "candidates": candidates}


listening = {}


def listen(address):
    """Listens at a port, by TCP and by UDP."""
    while True:
        tcp = socket.create_server((address, 0))
        port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind((address, port))
        except OSError as error:
            # Free by TCP, but not by UDP.
            tcp.close()
            udp.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            listening.update(tcp=tcp, udp=udp)
            return port


def overhear(server):
    """The first bytes that webrtcbin sends to a TURN server that listens here, by each transport."""
    heard = {"tcp": None, "udp": None}
    webrtcbin = Webrtcbin(GstWebRTC.WebRTCICETransportPolicy.RELAY)
    webrtcbin.element.emit("add-turn-server", server)
    webrtcbin.gather()
    deadline = time.monotonic() + GATHERING_SECONDS
    silent = {listener: transport for transport, listener in listening.items()}
    while silent:
        ready, _, _ = select.select(silent, [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            break
        for listener in ready:
            transport = silent.pop(listener)
            heard[transport] = FIRST_BYTES[transport](listener).hex()
        deadline = min(deadline, time.monotonic() + OTHER_SECONDS)
    webrtcbin.stop()
    for listener in listening.values():
        listener.close()
    return heard


def first_bytes_by_tcp(listener):
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(GATHERING_SECONDS / 2)
        return connection.recv(2)


def first_bytes_by_udp(listener):
    return listener.recv(1500)[:2]


FIRST_BYTES = {"tcp": first_bytes_by_tcp, "udp": first_bytes_by_udp}

COMMANDS = {command.__name__: command for command in [version, relays, reflexive, listen, overhear]}

Gst.init(None)
for line in sys.stdin:
    command = json.loads(line)
    reply = {"id": command.pop("id")}
    try:
        reply["value"] = COMMANDS[command.pop("command")](**command)
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(reply), flush=True)
