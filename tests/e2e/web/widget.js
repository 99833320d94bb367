// The widget: matrix-widget-api as npm ships it, and a handle on it for the scenarios.

import { WidgetApi } from "matrix-widget-api";

import { Flow } from "./flow.js";

const parameters = new URLSearchParams(location.search);
const widgetId = parameters.get("widgetId");
const clientOrigin = parameters.get("clientOrigin");
const api = new WidgetApi(widgetId, clientOrigin);

// The newest credentials, and how many there were.
let held = null;
let updates = 0;

let peer = null;
let channel = null;
let flow = null;
const received = [];

/** Goes through the widget's start until the client said what it grants. */
async function negotiate(capabilities) {
    const ready = new Promise((resolve) => api.once("ready", resolve));
    await load(capabilities);
    await ready;
}

/** The part of the start that is the widget's. */
async function load(capabilities) {
    api.requestCapabilities(capabilities);
    api.start();
    await api.sendContentLoaded();
}

/** Resolves with the first credentials, and takes in those that follow. */
async function watch() {
    const servers = api.getTurnServers();
    const first = await servers.next();
    take(first.value);
    follow(servers);
    return first.value;
}

async function follow(servers) {
    for await (const server of servers) take(server);
}

function take(server) {
    held = server;
    updates += 1;
}

/** Watches until there are credentials, and no longer: `times` times, one after the other. */
async function watchAndUnwatch(times) {
    for (let i = 0; i < times; i++) {
        const servers = api.getTurnServers();
        take((await servers.next()).value);
        await servers.return();
    }
}

/** The same, timed: the slowest in milliseconds, out of as many as there is time for. */
async function slowestWatch(milliseconds) {
    let slowest = 0;
    const until = performance.now() + milliseconds;
    for (let now = performance.now(); now < until; ) {
        await watchAndUnwatch(1);
        slowest = Math.max(slowest, performance.now() - now);
        now = performance.now();
    }
    return slowest;
}

/** A connection that can only be made through a TURN server. */
function connect() {
    connectBy(heldServers());
}

function connectBy(iceServers) {
    peer?.close();
    peer = new RTCPeerConnection(relayed(iceServers));
    peer.addEventListener("datachannel", (event) => use(event.channel));
    flow = new Flow(peer);
}

function relayed(iceServers) {
    return { iceTransportPolicy: "relay", iceServers };
}

function heldServers() {
    const { uris, username, password } = held;
    return [{ urls: uris, username, credential: password }];
}

function use(opened) {
    channel = opened;
    channel.addEventListener("message", ({ data }) => received.push(data));
}

/** Describes this end, once all of its candidates are known. */
async function describe(description) {
    // After an ICE restart, the gathering state is still that of the last time for a moment.
    const gathered = new Promise((resolve) => {
        peer.onicecandidate = ({ candidate }) => candidate ?? resolve();
    });
    await peer.setLocalDescription(description);
    await gathered;
    return peer.localDescription.toJSON();
}

/** The description of an end that was given its TURN servers as a browser takes them. */
async function gather(iceServers) {
    connectBy(iceServers);
    use(peer.createDataChannel("e2e"));
    return describe(await peer.createOffer());
}

async function offer() {
    connect();
    use(peer.createDataChannel("e2e"));
    return describe(await peer.createOffer());
}

async function answer(offer) {
    connect();
    return answerAgain(offer);
}

/** The newest credentials are for what is gathered from now on. */
function setServers() {
    peer.setConfiguration(relayed(heldServers()));
}

async function restartIce() {
    return describe(await peer.createOffer({ iceRestart: true }));
}

async function answerAgain(offer) {
    await peer.setRemoteDescription(offer);
    return describe(await peer.createAnswer());
}

async function accept(answer) {
    await peer.setRemoteDescription(answer);
}

function state() {
    return { connection: peer.connectionState, channel: channel?.readyState ?? "none" };
}

function send(text) {
    channel.send(text);
}

function hangUp() {
    peer.close();
}

/** The types of the two candidates that the connection runs over. */
async function selectedPair() {
    const stats = [...(await peer.getStats()).values()];
    const byId = (id) => stats.find((report) => report.id === id);
    const transport = stats.find((report) => report.type === "transport");
    const pair = byId(transport.selectedCandidatePairId);
    return [pair.localCandidateId, pair.remoteCandidateId].map((id) => byId(id).candidateType);
}

/** How far ICE came with each pair of candidates. */
async function candidatePairs() {
    const stats = [...(await peer.getStats()).values()];
    const pairs = stats.filter(({ type }) => type === "candidate-pair");
    return pairs.map(({ state, requestsSent, responsesReceived, requestsReceived }) => {
        return { state, requestsSent, responsesReceived, requestsReceived };
    });
}

/** What a page can send that the library never would. */
function raw(message) {
    parent.postMessage(message, clientOrigin);
}

function flood(messages, times) {
    for (let i = 0; i < times; i++) raw(messages[i % messages.length]);
}

window.widget = {
    accept,
    answer,
    answerAgain,
    api,
    candidatePairs,
    flood,
    flowReport: () => flow.report(),
    gather,
    hangUp,
    held: () => held,
    load,
    negotiate,
    offer,
    raw,
    received: () => received,
    restartIce,
    selectedPair,
    send,
    setServers,
    slowestWatch,
    startFlow: (milliseconds) => flow.start(milliseconds),
    state,
    stopFlow: () => flow.stop(),
    updates: () => updates,
    watch,
    watchAndUnwatch,
    widgetId,
};
