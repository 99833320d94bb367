// What a person does with the demo's page, and what they must see. Each step is somebody else's visit.

const FAULTS = [
    ["forbidden", "refuses TURN to this account"],
    ["not_configured", "offers no TURN server"],
    ["proxy_page", "gave no usable answer"],
    ["nonsense", "gave no usable answer"],
    ["rate_limited", "asked for fewer requests"],
    // The step waits until the credentials have expired, so this is the last one.
    ["hanging", "no answer within 8s"],
];

/** Load, prompt, allow, relay up, and a call that goes on while credentials are renewed. */
async function call(arrive, { ensure }) {
    const visitor = await arrive();
    const { page } = visitor;
    await page.waitForSelector("dialog[open]");
    await visitor.picture("prompt");
    await visitor.isAccessible("the prompt");
    await visitor.decide("allow");
    await visitor.decide("allow");
    await visitor.isInACall();

    const origins = await Promise.all([page, await visitor.frame("a")].map((at) => at.evaluate("origin")));
    ensure(origins[0] !== origins[1], `the widget is of the page's origin, ${origins[0]}`);
    const before = await visitor.number("#requests");
    await visitor.until(moreRequestsThan, before + 1);
    await visitor.isInACall();
    await visitor.picture("call");
    await visitor.isAccessible("a call");
    ensure(!(await page.content()).includes(await password(visitor)), "the page shows a password");

    await page.click("#restart");
    await visitor.sees("#entries", "ICE restarts with the newest credentials");
    await visitor.isInACall();
    await page.click("#sound");
    await page.waitForSelector('#sound[aria-pressed="true"]');
    await visitor.isClean("a call");
    await visitor.leave();
}

function moreRequestsThan(requests) {
    return Number(document.getElementById("requests").textContent) > requests;
}

/** A refresh would replace the credentials before a widget finds them rejected. */
function isNoRefreshNear() {
    return Number(document.getElementById("next").textContent.match(/^in (\d+)/)?.[1]) >= 5;
}

async function password(visitor) {
    return (await visitor.frame("a")).evaluate("widget.held().password");
}

/** Each answer of the homeserver's, and the way back. */
async function homeserver(arrive) {
    const visitor = await arrive();
    await visitor.decide("allow", true);
    await visitor.isInACall();
    for (const [fault, words] of FAULTS) {
        await visitor.press(fault);
        await visitor.page.waitForSelector(`#break-${fault}[aria-pressed="true"]`);
        await visitor.sees("#failure", words);
        if (fault === "forbidden") await visitor.picture("refused");
    }
    await visitor.sees("#state", /^none$/);
    await visitor.picture("expired");
    await visitor.isAccessible("an outage");
    await visitor.press("nothing");
    await visitor.sees("#state", /^valid$/);
    await visitor.press("outage");
    await visitor.sees("#failure", "gave no usable answer");
    await visitor.press("nothing");
    await visitor.sees("#failures", /^0$/);
    await visitor.isClean("the homeserver's faults");
    await visitor.leave();
}

/** The secret, a sleep, a runtime, and a cut. */
async function world(arrive, { ensure }) {
    const visitor = await arrive();
    const { page } = visitor;
    await visitor.decide("allow", true);
    await visitor.isInACall();

    await visitor.until(isNoRefreshNear);
    const rejected = await password(visitor);
    await visitor.press("secret");
    await visitor.sees("#entries", "report_rejected()");
    await visitor.until(() => document.getElementById("chart").getAttribute("aria-label").includes("stale for"));
    const frame = await visitor.frame("a");
    await frame.waitForFunction((rejected) => widget.held().password !== rejected, {}, rejected);
    await visitor.picture("secret");

    const before = await visitor.number("#requests");
    await visitor.press("sleep");
    await visitor.until(moreRequestsThan, before);
    await visitor.sees("#state", /^valid$/);
    await visitor.picture("slept");

    await visitor.press("runtime");
    await visitor.sees("#entries", "that runtime has ended; the service's task runs on its own");
    await visitor.press("refresh");
    await visitor.press("cut");
    await visitor.sees("#connection", /^Connected$/);
    await visitor.isInACall();
    ensure(await frame.evaluate("widget.watches()"), "the widget was loaded again");
    await visitor.isClean("the world");
    await visitor.leave();
}

/** What widgets do. */
async function widgets(arrive, { ensure }) {
    const visitor = await arrive();
    const { page } = visitor;
    await visitor.decide("allow", true);
    await visitor.isInACall();
    await visitor.sees("#subscribers", /^2$/);

    const frame = await visitor.frame("a");
    await frame.evaluate("widget.isOld = true");
    await visitor.press("reload");
    await frame.waitForFunction("window.widget && !widget.isOld && widget.held() !== null");
    await visitor.isInACall();

    await page.click("#forget");
    await visitor.press("reload");
    await visitor.decide("allow", true);
    await visitor.isInACall();

    await visitor.press("watch");
    await visitor.sees("#said-a", "does not watch any more");
    await visitor.sees("#subscribers", /^1$/);
    await visitor.press("watch");
    await visitor.sees("#subscribers", /^2$/);

    await visitor.press("flood");
    await visitor.sees("#entries", "widget A sent 2000 requests");

    await (await visitor.frame("a")).evaluate(postTenMebibytes);
    await visitor.sees("#entries", "a message of widget A's is too long, and is not carried");

    await visitor.press("close");
    await visitor.sees("#subscribers", /^1$/);
    await visitor.sees("#entries", "handle dropped: 2 subscribers before, 1 after");
    await visitor.picture("closed");
    await visitor.press("close");
    await visitor.isInACall();

    await page.focus("#ttl");
    await page.keyboard.press("ArrowLeft");
    await visitor.sees("#ttl-text", "10 s");
    await visitor.sees("#said", "That is too short");
    await page.select("#log-source", "widget");
    await page.type("#log-text", "update_turn_servers");
    await visitor.sees("#entries li:not([hidden])", "update_turn_servers");
    ensure(!(await visitor.page.content()).includes(await password(visitor)), "the log shows a password");
    await visitor.isClean("the widgets");
    await visitor.leave();
}

function postTenMebibytes() {
    const message = { api: "fromWidget", widgetId: "a", requestId: "long", action: "watch_turn_servers" };
    const page = document.querySelector('meta[name="page"]').content;
    parent.postMessage({ ...message, data: { text: "x".repeat(10 * 1024 * 1024) } }, page);
}

/** No, for both widgets; beside somebody who said yes, and whose tab is closed in the middle of a call. */
async function denied(arrive, { ensure }) {
    const [visitor, other] = [await arrive(), await arrive()];
    await other.decide("allow", true);
    await other.isInACall();

    await visitor.decide("deny");
    await visitor.page.waitForSelector("dialog[open]");
    await visitor.page.keyboard.press("Escape");
    for (const widget of ["a", "b"]) await visitor.sees(`#said-${widget}`, "may not use TURN servers");
    await other.leave();
    await visitor.sees("#connection", /^Connected$/);
    ensure((await visitor.number("#requests")) === 0, "a widget that was denied TURN caused a request");
    await visitor.picture("denied");
    await visitor.isAccessible("a denial");
    await visitor.isClean("a denial");
    await visitor.leave();
}

/** At night, and on a phone. */
async function elsewhere(arrive) {
    const phone = { width: 390, height: 844, hasTouch: true, isMobile: true };
    const dark = { "prefers-color-scheme": "dark" };
    for (const [name, options] of [
        ["dark", { media: dark }],
        ["phone", { viewport: phone }],
        ["phone-dark", { viewport: phone, media: { ...dark, "prefers-reduced-motion": "reduce" } }],
    ]) {
        const visitor = await arrive(options);
        await visitor.decide("allow", true);
        await visitor.isInACall();
        await visitor.until(isNoRefreshNear);
        await visitor.press("secret");
        await visitor.sees("#entries", "report_rejected()");
        await visitor.page.evaluate("scrollTo(0, 0)");
        await visitor.picture(name);
        await visitor.isAccessible(name);
        await visitor.isClean(name);
        await visitor.leave();
    }
}

export const steps = [call, homeserver, world, widgets, denied, elsewhere];
