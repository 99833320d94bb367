// Asks the TURN server for a relay, to see whether the credentials are any good.

const PATIENCE_MS = 6_000;

/** A wrong password is 401 (RFC 8489, 9.2.4); webrtc-rs, which is the TURN server here, says 400. */
const REJECTED = [400, 401];

/** As RTCPeerConnection takes them. */
export function iceServers({ uris, username, password }) {
    return [{ urls: uris, username, credential: password }];
}

/**
 * Gathers candidates with these credentials until there is a relay. Resolves with its address, or with
 * why there is none; `rejected` says that the TURN server refused the credentials.
 */
export async function tryRelay(servers) {
    const peer = new RTCPeerConnection({
        iceServers: iceServers(servers),
        iceTransportPolicy: "relay",
    });
    const started = performance.now();
    try {
        const gathering = firstRelay(peer);
        peer.createDataChannel("relay");
        await peer.setLocalDescription();
        const outcome = await gathering;
        return { ...outcome, ms: Math.round(performance.now() - started) };
    } finally {
        peer.close();
    }
}

function firstRelay(peer) {
    let error = null;
    return new Promise((resolve) => {
        peer.addEventListener("icecandidate", ({ candidate }) => {
            if (candidate?.type === "relay") {
                resolve({ address: `${candidate.address}:${candidate.port}` });
            } else if (candidate === null) {
                resolve(failed(error));
            }
        });
        peer.addEventListener("icecandidateerror", (event) => {
            // Of the errors of several URIs, the TURN server's own says most.
            if (error === null || event.errorCode < 700) error = event;
        });
        setTimeout(() => resolve(failed(error)), PATIENCE_MS);
    });
}

function failed(error) {
    const why = error ? `${error.errorCode} ${error.errorText}` : "the browser gathered no relay";
    return { why, rejected: error !== null && REJECTED.includes(error.errorCode) };
}
