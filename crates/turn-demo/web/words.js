// What a user, or anybody else who has not read the specification, understands.

const CAPABILITIES = [
    [/receive\.state_event:m\.room\.member/, "See who is in this room"],
    [/receive\.state_event:(.+)/, "See this room's settings ($1)"],
    [/receive\.event:(.+)/, "Read messages in this room ($1)"],
    [/send\.state_event:org\.matrix\.msc3401\.call\.member/, "Tell the room that you are in a call"],
    [/send\.state_event:(.+)/, "Change this room's settings ($1)"],
    [/send\.event:(.+)/, "Send messages as you ($1)"],
    [/requires_client/, "Work only inside of this app"],
];

/** A capability in a user's words; unknown ones as they are. */
export function capability(identifier) {
    for (const [pattern, words] of CAPABILITIES) {
        const found = identifier.match(pattern);
        if (found) return words.replace("$1", found[1] ?? "");
    }
    return identifier;
}

export const TURN_SERVERS =
    "Use your homeserver's relay for calls, so that they work behind strict firewalls";

/** A span in words: milliseconds in, "1 min 5 s" out. */
export function span(ms) {
    const seconds = Math.round(ms / 1000);
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/** The same message without its passwords. */
export function masked(value) {
    return JSON.parse(
        JSON.stringify(value, (key, inner) =>
            key === "password" || key === "credential" ? "••••••••" : inner,
        ),
    );
}
