// Numbered messages both ways over a data channel, and what this end notes of those that arrive: what
// `src/calls/flow.rs` does in Rust. Times are seconds.

// Both ends name the channel by this number, so that none has to announce it to the other.
const CHANNEL = 100;

const NOTICEABLE_GAP = 0.25;

export class Flow {
    #channel;
    #began = seconds();
    #last = this.#began;
    #timer = null;
    #sent = 0;
    #received = 0;
    /** The least number that is greater than all that arrived. */
    #next = 0;
    #missing = new Set();
    #longestGap = 0;
    #gapEnded = this.#began;
    #gaps = [];
    #iceStates = [];

    constructor(peer) {
        this.#channel = peer.createDataChannel("flow", { negotiated: true, id: CHANNEL });
        this.#channel.addEventListener("message", ({ data }) => this.#note(Number(data)));
        peer.addEventListener("iceconnectionstatechange", () => {
            this.#iceStates.push([seconds() - this.#began, peer.iceConnectionState]);
        });
    }

    start(milliseconds) {
        this.#began = this.#last = this.#gapEnded = seconds();
        this.#iceStates = [];
        this.#timer = setInterval(() => this.#send(), milliseconds);
    }

    stop() {
        clearInterval(this.#timer);
    }

    report() {
        const now = seconds();
        const silentFor = now - this.#last;
        const goesOn = silentFor > this.#longestGap;
        return {
            sent: this.#sent,
            received: this.#received,
            missing: this.#missing.size,
            longestGap: goesOn ? silentFor : this.#longestGap,
            gapEndedAt: (goesOn ? now : this.#gapEnded) - this.#began,
            gaps: this.#gaps,
            silentFor,
            iceStates: this.#iceStates,
        };
    }

    #send() {
        if (this.#channel.readyState !== "open") return;
        this.#channel.send(String(this.#sent));
        this.#sent += 1;
    }

    #note(number) {
        const now = seconds();
        const gap = now - this.#last;
        if (gap > this.#longestGap) {
            this.#longestGap = gap;
            this.#gapEnded = now;
        }
        if (gap > NOTICEABLE_GAP) this.#gaps.push([now - this.#began, gap]);
        this.#last = now;
        if (number >= this.#next) {
            for (let between = this.#next; between < number; between++) this.#missing.add(between);
            this.#next = number + 1;
            this.#received += 1;
        } else if (this.#missing.delete(number)) {
            this.#received += 1;
        }
    }
}

function seconds() {
    return performance.now() / 1000;
}
