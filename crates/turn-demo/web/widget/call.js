// A call with the other widget that only a TURN server can carry.

import { iceServers } from "./relay.js";

const PING_INTERVAL_MS = 500;

/**
 * A relay outlives its credentials only until the browser renews a permission on it, which Chromium does
 * after four minutes. By then there has to be another.
 */
const RELAY_MS = 150_000;

/** A relay that is gone is noticed after this time at the latest. */
const RESTART_AFTER_MS = 3_000;

export class Call extends EventTarget {
    #peer = null;
    #channel = null;
    #video;
    #audio = null;
    #signal;
    #pings = null;
    #restarting = null;
    #signals = Promise.resolve();
    /** When this end last asked for a relay by an offer. */
    #offered = Infinity;
    #frames = { count: 0, at: 0 };

    /** Sends this video; `signal` carries a message to the other widget. */
    constructor(video, signal) {
        super();
        this.#video = video;
        this.#signal = signal;
    }

    get isOn() {
        return this.#peer !== null;
    }

    get isConnected() {
        return this.#peer?.connectionState === "connected";
    }

    /** Calls the other widget. */
    async start(servers) {
        this.hangUp();
        this.#create(servers);
        this.#use(this.#peer.createDataChannel("ping"));
        for (const kind of ["video", "audio"]) this.#peer.addTransceiver(kind);
        this.#sendMedia();
        await this.#offer();
    }

    /** Sends this audio as well from now on, in this call and the next. */
    sendAudio(track) {
        this.#audio = track;
        this.#sendMedia();
    }

    /** Goes on with these credentials whenever candidates are gathered next, which is now and then. */
    renew(servers) {
        this.#peer?.setConfiguration({ ...this.#peer.getConfiguration(), iceServers: iceServers(servers) });
        if (performance.now() - this.#offered > RELAY_MS) this.restart();
    }

    /** Gathers new candidates, with the newest credentials. Only the widget that called does. */
    async restart() {
        if (this.#peer?.signalingState !== "stable") return;
        this.#peer.restartIce();
        await this.#offer();
    }

    hangUp() {
        clearInterval(this.#pings);
        clearTimeout(this.#restarting);
        this.#peer?.close();
        this.#peer = null;
        this.#channel = null;
        this.#offered = Infinity;
    }

    /** A message of the other widget's. They are taken in one after the other. */
    onSignal(signal, servers) {
        const taken = this.#signals.then(() => this.#take(signal, servers));
        this.#signals = taken.catch(() => {});
        return taken;
    }

    async #take({ description, candidate }, servers) {
        if (description?.type === "offer") {
            if (this.#peer === null || description.isFirst) {
                this.hangUp();
                this.#create(servers);
            }
            await this.#peer.setRemoteDescription({ type: "offer", sdp: description.sdp });
            this.#sendMedia();
            await this.#peer.setLocalDescription();
            this.#tell();
        } else if (description) {
            await this.#peer?.setRemoteDescription(description);
        } else if (candidate && this.#peer?.remoteDescription) {
            await this.#peer.addIceCandidate(candidate);
        }
    }

    #create(servers) {
        this.#peer = new RTCPeerConnection({
            iceServers: iceServers(servers),
            iceTransportPolicy: "relay",
        });
        const peer = this.#peer;
        peer.addEventListener("icecandidate", ({ candidate }) => {
            if (candidate) this.#signal({ candidate: candidate.toJSON() });
        });
        peer.addEventListener("datachannel", ({ channel }) => this.#use(channel));
        peer.addEventListener("track", ({ track }) => this.#emit("track", track));
        peer.addEventListener("connectionstatechange", () => this.#onState(peer.connectionState));
    }

    #sendMedia() {
        for (const transceiver of this.#peer?.getTransceivers() ?? []) {
            const isVideo = transceiver.receiver.track.kind === "video";
            transceiver.direction = "sendrecv";
            transceiver.sender.replaceTrack(isVideo ? this.#video : this.#audio);
        }
    }

    async #offer() {
        this.#offered = performance.now();
        const isFirst = this.#peer.currentLocalDescription === null;
        await this.#peer.setLocalDescription();
        this.#tell(isFirst);
    }

    #tell(isFirst = false) {
        const { type, sdp } = this.#peer.localDescription;
        this.#signal({ description: { type, sdp, isFirst } });
    }

    #onState(state) {
        this.#emit("state", state);
        clearTimeout(this.#restarting);
        if (state === "disconnected" || state === "failed") {
            const wait = state === "failed" ? 0 : RESTART_AFTER_MS;
            this.#restarting = setTimeout(() => this.#emit("broken"), wait);
        }
    }

    #use(channel) {
        this.#channel = channel;
        channel.addEventListener("open", () => {
            clearInterval(this.#pings);
            this.#pings = setInterval(() => this.#ping(), PING_INTERVAL_MS);
        });
        channel.addEventListener("message", ({ data }) => {
            const { ping, pong } = JSON.parse(data);
            if (ping !== undefined) channel.send(JSON.stringify({ pong: ping }));
            if (pong !== undefined) this.#onPong(performance.now() - pong);
        });
    }

    #ping() {
        if (this.#channel?.readyState === "open") {
            this.#channel.send(JSON.stringify({ ping: performance.now() }));
        }
    }

    async #onPong(rtt) {
        const figures = await this.#figures();
        this.#emit("figures", { rtt, ...figures });
    }

    /** What the connection runs over, and how fluent the video is. */
    async #figures() {
        const stats = [...((await this.#peer?.getStats())?.values() ?? [])];
        const byId = (id) => stats.find((report) => report.id === id);
        const transport = stats.find(({ type }) => type === "transport");
        const pair = byId(transport?.selectedCandidatePairId);
        const local = byId(pair?.localCandidateId);
        const video = stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
        return {
            types: [local?.candidateType, byId(pair?.remoteCandidateId)?.candidateType],
            relay: local ? `${local.address ?? "127.0.0.1"}:${local.port}` : null,
            fps: this.#fps(video?.framesDecoded ?? 0),
        };
    }

    #fps(count) {
        const now = performance.now();
        const { count: before, at } = this.#frames;
        this.#frames = { count, at: now };
        return at === 0 ? 0 : Math.max(0, Math.round(((count - before) * 1000) / (now - at)));
    }

    #emit(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}
