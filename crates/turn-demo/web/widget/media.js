// Video and audio from generated sources: no camera, no microphone.

const FRAMES_PER_SECOND = 15;
const PITCHES = { a: 220, b: 277 };
const HUES = { a: 174, b: 262 };

/** Draws on the canvas for as long as the widget lives, and returns the video. */
export function video(canvas, widgetId) {
    const context = canvas.getContext("2d");
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let frame = 0;
    let last = -Infinity;
    const draw = () => {
        const now = performance.now();
        // A video has to have frames; for who wants less motion, one a second.
        if (now - last < (calm.matches ? 1000 : 0)) return;
        last = now;
        frame += 1;
        paint(context, canvas, calm.matches ? 0 : now / 1000, HUES[widgetId], frame, widgetId);
    };
    draw();
    setInterval(draw, 1000 / FRAMES_PER_SECOND);
    return canvas.captureStream(FRAMES_PER_SECOND);
}

function paint(context, { width, height }, seconds, hue, frame, widgetId) {
    const sky = context.createLinearGradient(0, 0, width, height);
    sky.addColorStop(0, `hsl(${hue} 38% 34%)`);
    sky.addColorStop(1, `hsl(${hue + 40} 42% 20%)`);
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    for (let ring = 0; ring < 3; ring++) {
        const phase = seconds * 0.5 + ring * 2.1;
        context.beginPath();
        context.arc(
            width / 2 + Math.cos(phase) * width * 0.22,
            height / 2 + Math.sin(phase * 1.3) * height * 0.2,
            26 + ring * 16,
            0,
            2 * Math.PI,
        );
        context.fillStyle = `hsl(${hue + ring * 18} 60% 70% / 22%)`;
        context.fill();
    }
    context.fillStyle = "rgb(255 255 255 / 92%)";
    context.textAlign = "center";
    context.font = "600 44px system-ui, sans-serif";
    context.fillText(widgetId.toUpperCase(), width / 2, height / 2 + 6);
    context.font = "15px system-ui, sans-serif";
    context.fillText(`frame ${frame}`, width / 2, height / 2 + 32);
}

/** A quiet tone. */
export class Tone {
    #context = new AudioContext();
    #destination = this.#context.createMediaStreamDestination();

    constructor(widgetId) {
        const oscillator = this.#context.createOscillator();
        const volume = this.#context.createGain();
        oscillator.frequency.value = PITCHES[widgetId];
        volume.gain.value = 0.05;
        oscillator.connect(volume).connect(this.#destination);
        oscillator.start();
    }

    get track() {
        return this.#destination.stream.getAudioTracks()[0];
    }

    start() {
        return this.#context.resume();
    }

    stop() {
        return this.#context.suspend();
    }
}
