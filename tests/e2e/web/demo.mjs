// Drives the demo's page as a person would: `node demo.mjs URL DIRECTORY`. Takes a picture of each state
// into the directory, and exits with an error if anything is not as it should be.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import puppeteer from "puppeteer-core";

import { steps } from "./demo-steps.mjs";

const [url, directory] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** More than any step waits for: the next refresh, and a request that hangs. */
const PATIENCE_MS = 40_000;

/** The fastest first paint is to come within this time: 120 to 170 ms were measured on two busy cores. */
const FIRST_PAINT_MS = 500;

/** The very first one, while everything else starts, may take longer. */
const COLD_FIRST_PAINT_MS = 1_000;

const firstPaints = [];

const DESK = { width: 1280, height: 800 };

/** A person with a browser of their own at the page. */
class Visitor {
    constructor(page, problems) {
        this.page = page;
        this.problems = problems;
    }

    static async arrive(browser, { viewport = DESK, media = {} } = {}) {
        const context = await browser.createBrowserContext();
        const page = await context.newPage();
        page.setDefaultTimeout(PATIENCE_MS);
        await page.setViewport(viewport);
        await page.emulateMediaFeatures(Object.entries(media).map(([name, value]) => ({ name, value })));
        const problems = [];
        page.on("console", (message) => {
            if (["error", "warn"].includes(message.type())) problems.push(message.text());
        });
        page.on("pageerror", (error) => problems.push(error.stack));
        await page.evaluateOnNewDocument(watchShifts);
        await page.goto(url);
        const visitor = new Visitor(page, problems);
        await visitor.until(() => performance.getEntriesByName("first-paint").length > 0);
        firstPaints.push(await page.evaluate(() => performance.getEntriesByName("first-paint")[0].startTime));
        return visitor;
    }

    /** Answers the prompt of one widget, and of the other as well if it is to be remembered. */
    async decide(choice, remember = false) {
        await this.page.waitForSelector("dialog[open]");
        if (remember) await this.page.click("#prompt-remember");
        await this.page.click(`dialog button[value="${choice}"]`);
    }

    async press(what) {
        await this.page.click(`#break-${what}`);
    }

    /** Waits until the text of an element says so: a part of it, or what a pattern matches. */
    async sees(selector, words) {
        const pattern = words instanceof RegExp ? words.source : words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
        const says = (selector, pattern) =>
            new RegExp(pattern).test(document.querySelector(selector)?.innerText ?? "");
        await this.until(says, selector, pattern).catch(async () => {
            const text = await this.text(selector);
            throw new Error(`${selector} never says ${words}, but: ${text.slice(0, 300)}`);
        });
    }

    async until(condition, ...parameters) {
        await this.page.waitForFunction(condition, {}, ...parameters);
    }

    async text(selector) {
        return this.page.$eval(selector, (element) => element.innerText);
    }

    /** Waits until both widgets are in a call that runs from relay to relay. */
    async isInACall() {
        await this.sees("#said-a", "in a call, through the relay");
        await this.sees("#said-b", "in a call, through the relay");
        await this.sees("#path", "from relay to relay");
        await this.sees("#rtt", / ms$/);
    }

    async number(selector) {
        return Number(await this.text(selector));
    }

    /** A widget's own frame. */
    async frame(widget) {
        const element = await this.page.waitForSelector(`#frame-${widget}`);
        return element.contentFrame();
    }

    async picture(name) {
        await this.page.screenshot({ path: path.join(directory, `${name}.png`) });
    }

    /** No finding of axe's, in the page and in the widgets. */
    async isAccessible(where) {
        for (const frame of this.page.frames()) {
            if (!frame.url().startsWith("http")) continue;
            await frame.evaluate(axe);
            const { violations } = await frame.evaluate(() => axe.run(document, { iframes: false }));
            ensure(violations.length === 0, `${where}: ${JSON.stringify(violations.map(finding))}`);
        }
    }

    /** Nothing on the console, nothing that moved, nothing that sticks out. */
    async isClean(where) {
        ensure(this.problems.length === 0, `${where}: ${this.problems.join("\n")}`);
        const { shift, sticksOut } = await this.page.evaluate(() => ({
            shift: window.shift,
            sticksOut: document.documentElement.scrollWidth - innerWidth,
        }));
        ensure(shift < 0.02, `${where}: the layout shifts by ${shift}`);
        ensure(sticksOut <= 0, `${where}: ${sticksOut} pixels stick out`);
    }

    async leave() {
        await this.page.browserContext().close();
    }
}

/** Counts how far things move by themselves. */
function watchShifts() {
    window.shift = 0;
    // A log moves on, and what was asked for may move.
    const counts = ({ node }) => !node?.parentElement?.closest("#entries") && node?.isConnected;
    new PerformanceObserver((list) => {
        for (const { value, hadRecentInput, sources } of list.getEntries()) {
            if (!hadRecentInput && sources.some(counts)) window.shift += value;
        }
    }).observe({ type: "layout-shift", buffered: true });
}

function finding({ id, nodes }) {
    return { id, nodes: nodes.slice(0, 4).map(({ html, failureSummary }) => ({ html, failureSummary })) };
}

export function ensure(holds, otherwise) {
    if (!holds) throw new Error(otherwise);
}

const browser = await puppeteer.launch({
    browser: "chrome",
    executablePath: process.env.E2E_CHROMIUM,
    // Chromium ends once nobody holds the other end.
    pipe: true,
    args: ["--disable-gpu", "--no-sandbox"],
});
// Whoever started this holds its stdin, and closing that ends it.
process.stdin.resume().on("end", () => browser.close());
try {
    for (const step of steps) {
        const started = performance.now();
        await step((options) => Visitor.arrive(browser, options), { url, ensure });
        console.log(`${step.name} ${((performance.now() - started) / 1000).toFixed(1)} s`);
    }
    console.log(`the first paint comes after ${firstPaints.map(Math.round).join(", ")} ms`);
    ensure(Math.min(...firstPaints) < FIRST_PAINT_MS, "every first paint is slow");
    ensure(firstPaints[0] < COLD_FIRST_PAINT_MS, "the very first paint is slow");
} catch (error) {
    console.error(error.message);
    process.exitCode = 1;
} finally {
    await browser.close();
    process.exit();
}
