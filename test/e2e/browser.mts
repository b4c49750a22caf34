import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, selectors, type Browser, type BrowserContext, type BrowserContextOptions } from 'playwright-core';

export type Theme = 'light' | 'dark';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Headless Chromium stays on this machine and asks its maker for nothing. */
const ARGS = [
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

/** Starts the Chromium or Chrome of this machine; installs Debian's where there is none. */
export async function launchBrowser(): Promise<Browser> {
	const executablePath = findBrowser() ?? installBrowser();
	return await chromium.launch({ executablePath, args: ARGS, timeout: 120_000 });
}

export const WINDOW = { width: 1280, height: 800 };

const DESKTOP = { viewport: WINDOW, deviceScaleFactor: 1 };

/** A phone, held upright. */
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Chromium says of itself that it is headless, and n8n takes no approvals from what looks like a bot. */
const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

/** n8n's first-time tips, which would be in the picture. */
const TIPS = [
	'MAPPING_ONBOARDED',
	'AUTOCOMPLETE_ONBOARDED',
	'TABLE_HOVER_ONBOARDED',
	'PIN_DATA_DISCOVERY_NDV',
	'PIN_DATA_DISCOVERY_CANVAS',
];

/** A window of its own for a user of n8n with this theme, from which nothing leaves 127.0.0.1. */
export async function openWindow(
	browser: Browser,
	baseURL: string,
	theme: Theme,
	screen: Pick<BrowserContextOptions, keyof typeof PHONE> = DESKTOP,
): Promise<BrowserContext> {
	selectors.setTestIdAttribute('data-test-id');
	const context = await browser.newContext({
		baseURL,
		userAgent: USER_AGENT,
		...screen,
		colorScheme: theme,
		reducedMotion: 'reduce',
		locale: 'en-US',
	});
	context.setDefaultTimeout(60_000);
	await context.route(
		({ hostname }) => hostname !== '127.0.0.1',
		(route) => route.abort('blockedbyclient'),
	);
	const settings = { THEME: theme, ...Object.fromEntries(TIPS.map((tip) => [tip, 'true'])) };
	await context.addInitScript((stored) => {
		for (const [name, value] of Object.entries(stored)) localStorage.setItem(`N8N_${name}`, value);
	}, settings);
	return context;
}

/** CHROMIUM_PATH, or the first one on the PATH or where Debian puts it. */
function findBrowser(): string | undefined {
	const { CHROMIUM_PATH, PATH = '' } = process.env;
	if (CHROMIUM_PATH) {
		if (isExecutable(CHROMIUM_PATH)) return CHROMIUM_PATH;
		throw new Error(`CHROMIUM_PATH leads to ${CHROMIUM_PATH}, where there is no program`);
	}
	const folders = [...PATH.split(delimiter).filter(Boolean), '/usr/bin'];
	return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

function installBrowser(): string {
	const missing = 'The editor test needs Chromium or Chrome; none was found (CHROMIUM_PATH can name one)';
	if (process.getuid?.() !== 0 || !hasAptGet()) throw new Error(`${missing}, and only root can have apt-get install it`);
	console.log('Installing Chromium with apt-get …');
	const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
	try {
		execFileSync('apt-get', ['update'], options);
		execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], options);
	} catch (error) {
		throw new Error(`${missing}, and apt-get could not install it: ${(error as Error).message}`);
	}
	const installed = findBrowser();
	if (!installed) throw new Error(`${missing}, also after apt-get had installed it`);
	return installed;
}

function hasAptGet(): boolean {
	try {
		execFileSync('apt-get', ['--version'], { stdio: 'ignore' });
		return true;
	} catch {
		return false;
	}
}
