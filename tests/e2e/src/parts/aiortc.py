"""Peers of aiortc: a JSON command a line on stdin, a JSON answer a line on stdout, until stdin closes."""

import asyncio
import importlib.metadata
import json
import sys

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)


class Peer:
    """One end of a connection that can only be made through a TURN server."""

    def __init__(self, ice_servers):
        self.connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[RTCIceServer(**server) for server in ice_servers],
                iceTransportPolicy=RTCIceTransportPolicy.RELAY,
            )
        )
        self.channel = None
        self.opened = asyncio.Event()
        self.texts = asyncio.Queue()
        self.connection.on("datachannel", self.use)

    def use(self, channel):
        self.channel = channel
        channel.on("message", self.texts.put_nowait)
        if channel.readyState == "open":
            self.opened.set()
        else:
            channel.on("open", self.opened.set)

    async def describe(self, description):
        """The description of this end: aiortc gathers all candidates first."""
        await self.connection.setLocalDescription(description)
        description = self.connection.localDescription
        return {"type": description.type, "sdp": description.sdp}


peers = {}


async def version():
    return importlib.metadata.version("aiortc")


async def offer(peer, iceServers):
    peer = peers.setdefault(peer, Peer(iceServers))
    peer.use(peer.connection.createDataChannel("e2e"))
    return await peer.describe(await peer.connection.createOffer())


async def answer(peer, iceServers, offer):
    peer = peers.setdefault(peer, Peer(iceServers))
    await peer.connection.setRemoteDescription(RTCSessionDescription(**offer))
    return await peer.describe(await peer.connection.createAnswer())


async def accept(peer, answer):
    await peers[peer].connection.setRemoteDescription(RTCSessionDescription(**answer))


async def send(peer, text):
    peer = peers[peer]
    await peer.opened.wait()
    peer.channel.send(text)


async def received(peer):
    """The first text that arrives."""
    return await peers[peer].texts.get()


async def close(peer):
    await peers[peer].connection.close()


COMMANDS = {
    command.__name__: command
    for command in [version, offer, answer, accept, send, received, close]
}


async def follow(line):
    command = json.loads(line)
    reply = {"id": command.pop("id")}
    try:
        reply["value"] = await COMMANDS[command.pop("command")](**command)
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(reply), flush=True)


async def main():
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    tasks = set()
    while line := await lines.readline():
        task = asyncio.create_task(follow(line))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
