import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Test } from 'tap';
import { PATIENCE_MS } from './patience.js';

const { CHROMIUM_PATH = 'none', ALLOW_NO_BROWSER } = process.env;

/** What `t.test` is given where there is no browser. */
export const BROWSER_NEEDED =
  CHROMIUM_PATH === 'none' && ALLOW_NO_BROWSER === '1' ? { skip: 'ALLOW_NO_BROWSER=1: there is no Chromium' } : {};

/** Not in a sandbox, as root has none to offer: it reads what this test serves and nothing else. */
const FLAGS = [
  ...['--remote-debugging-pipe', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'],
  ...['--no-first-run', '--disable-background-networking', '--disable-sync', '--disable-component-update'],
  // Nothing is resolved: a page that wanted something from elsewhere would fail.
  ...['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--no-proxy-server', '--force-color-profile=srgb'],
];

type Json = Readonly<Record<string, unknown>>;

interface Reply {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly message: string };
}

/** One Chromium, driven by the DevTools protocol over a pipe: messages that end in a zero octet. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve: (result: Json) => void; reject: (error: Error) => void }>();
  readonly #tabs = new Map<string, (method: string, params: Json) => void>();
  #lastId = 0;
  #received = '';

  /** Starts it; it ends with the test. @throws Error saying how to get one. */
  constructor(t: Test) {
    if (CHROMIUM_PATH === 'none') {
      throw new Error('no Chromium: npm test fetches one, CHROMIUM_PATH names one, ALLOW_NO_BROWSER=1 skips its tests');
    }
    const profile = mkdtempSync(join(tmpdir(), 'sidecert-chromium-'));
    this.#child = spawn(CHROMIUM_PATH, [...FLAGS, `--user-data-dir=${profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    this.#child.on('error', (error) => this.#fail(error));
    void ended.then(() => this.#fail(new Error('Chromium has ended')));
    const output = this.#child.stdio[4] as Readable;
    output.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
    t.teardown(async () => {
      this.#child.kill('SIGKILL');
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  /** A tab with a context of its own: it shares nothing with the others. */
  async open(): Promise<Tab> {
    const { browserContextId } = await this.send('Target.createBrowserContext', {});
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab((method, params) => this.send(method, params, String(sessionId)));
    this.#tabs.set(String(sessionId), (method, params) => tab.heard(method, params));
    await tab.prepare();
    return tab;
  }

  send(method: string, params: Json, sessionId?: string): Promise<Json> {
    this.#lastId += 1;
    const id = this.#lastId;
    const input = this.#child.stdio[3] as Writable;
    const timer = setTimeout(() => this.#settle({ id, error: { message: 'no answer' } }), PATIENCE_MS);
    return new Promise<Json>((resolve, reject) => {
      this.#pending.set(id, {
        resolve,
        reject: (error) => reject(new Error(`${method}: ${error.message}`)),
      });
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    }).finally(() => clearTimeout(timer));
  }

  #receive(text: string): void {
    const messages = (this.#received + text).split('\0');
    this.#received = messages.pop() ?? '';
    for (const message of messages) {
      const reply = JSON.parse(message) as Reply;
      if (reply.id !== undefined) this.#settle(reply);
      else this.#tabs.get(reply.sessionId ?? '')?.(reply.method ?? '', reply.params ?? {});
    }
  }

  #settle({ id = 0, result = {}, error }: Reply): void {
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }

  #fail(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.#settle({ id, error });
  }
}

export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly theme?: 'light' | 'dark';
  readonly isMotionReduced?: boolean;
}

/** A key as the browser gets it from the system. */
const KEYS: Readonly<Record<string, Json>> = {
  Tab: { key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 },
  Enter: { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' },
  Space: { key: ' ', code: 'Space', windowsVirtualKeyCode: 32, text: ' ' },
};

/** One page of it, and all that it has complained about. */
export class Tab {
  /** Lines of the console, uncaught errors, and what the content security policy has forbidden. */
  readonly complaints: string[] = [];
  /** What it has asked for, as URLs. */
  readonly requests: string[] = [];
  #loaded: (() => void) | undefined;

  constructor(private readonly send: (method: string, params: Json) => Promise<Json>) {}

  async prepare(): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Audits']) await this.send(`${domain}.enable`, {});
  }

  /** Hears what the browser tells of it. */
  heard(method: string, params: Json): void {
    if (method === 'Page.loadEventFired') this.#loaded?.();
    if (method === 'Network.requestWillBeSent') this.requests.push((params.request as { url: string }).url);
    const isComplaint = [
      'Runtime.exceptionThrown',
      'Runtime.consoleAPICalled',
      'Log.entryAdded',
      'Audits.issueAdded',
    ].includes(method);
    if (isComplaint) this.complaints.push(`${method} ${JSON.stringify(params)}`);
  }

  /** Resolves when the page has loaded. */
  async goTo(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.#loaded = resolve;
    });
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText !== undefined && errorText !== '') throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  async show({ width, height, theme = 'light', isMotionReduced = false }: Screen): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await this.send('Emulation.setDeviceMetricsOverride', metrics);
    const features = [
      { name: 'prefers-color-scheme', value: theme },
      { name: 'prefers-reduced-motion', value: isMotionReduced ? 'reduce' : 'no-preference' },
    ];
    await this.send('Emulation.setEmulatedMedia', { features });
  }

  async withoutScripts(): Promise<void> {
    await this.send('Emulation.setScriptExecutionDisabled', { value: true });
  }

  /** The value of an expression in the page; it may be a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', options);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** Resolves when an expression in the page is true: looked at after each change of the document. */
  async until(expression: string): Promise<void> {
    await this.evaluate(`new Promise((resolve) => {
      const look = () => { if (${expression}) { watcher.disconnect(); resolve(true); } };
      const watcher = new MutationObserver(look);
      watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      look();
    })`);
  }

  async press(key: string): Promise<void> {
    const params = KEYS[key] ?? {};
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...params });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...params });
  }

  /** The accessibility tree, as screen readers get it: role and name of each node that is not ignored. */
  async accessibility(): Promise<{ readonly role: string; readonly name: string }[]> {
    const { nodes } = await this.send('Accessibility.getFullAXTree', {});
    const textOf = (part: unknown): string => String((part as { value?: unknown } | undefined)?.value ?? '');
    return (nodes as Json[])
      .filter((node) => node.ignored !== true)
      .map((node) => ({ role: textOf(node.role), name: textOf(node.name) }));
  }

  /** A PNG of what is on the screen. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }
}
