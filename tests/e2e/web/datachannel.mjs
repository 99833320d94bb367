// Peers of node-datachannel, which is libdatachannel: a JSON command a line on stdin, a JSON answer a
// line on stdout. Ends when stdin closes.

import datachannel from "node-datachannel";

import { follow } from "./lines.mjs";

const peers = new Map();

/** One end of a connection that can only be made through a TURN server. */
class Peer {
    constructor(name, iceServers) {
        const config = { iceServers, iceTransportPolicy: "relay", disableAutoNegotiation: true };
        this.connection = new datachannel.PeerConnection(name, config);
        this.gathered = new Promise((resolve) => {
            this.connection.onGatheringStateChange((state) => state === "complete" && resolve());
        });
        this.received = new Promise((resolve) => (this.receive = resolve));
        this.opened = new Promise((resolve) => (this.open = resolve));
        this.connection.onDataChannel((channel) => this.use(channel));
    }

    use(channel) {
        this.channel = channel;
        channel.onMessage(this.receive);
        if (channel.isOpen()) this.open();
        else channel.onOpen(this.open);
    }

    /** The description of this end, once all of its candidates are known. */
    async describe(type) {
        this.connection.setLocalDescription(type);
        await this.gathered;
        return this.connection.localDescription();
    }
}

function add(name, iceServers) {
    const peer = new Peer(name, iceServers);
    peers.set(name, peer);
    return peer;
}

follow(
    {
        version: () => datachannel.getLibraryVersion(),

        async offer({ peer: name, iceServers }) {
            const peer = add(name, iceServers);
            peer.use(peer.connection.createDataChannel("e2e"));
            return peer.describe("offer");
        },

        async answer({ peer: name, iceServers, offer }) {
            const peer = add(name, iceServers);
            peer.connection.setRemoteDescription(offer.sdp, offer.type);
            return peer.describe("answer");
        },

        accept({ peer: name, answer }) {
            peers.get(name).connection.setRemoteDescription(answer.sdp, answer.type);
        },

        async send({ peer: name, text }) {
            const peer = peers.get(name);
            await peer.opened;
            peer.channel.sendMessage(text);
        },

        /** The first text that arrives. */
        received: ({ peer: name }) => peers.get(name).received,

        /** The types and addresses of the candidates at both ends of the pair in use. */
        pair({ peer: name }) {
            const { local, remote } = peers.get(name).connection.getSelectedCandidatePair();
            return [local, remote].map(({ type, address, port }) => `${type} ${address}:${port}`);
        },

        close({ peer: name }) {
            peers.get(name).connection.close();
        },
    },
    () => {
        datachannel.cleanup();
        process.exit();
    },
);
