import type * as pageRoom from './page/index.js';
import type { ShownPage } from './page/index.js';
import { type PeoplesPage, type StatusAnswer, type StatusContent, statusText } from './status-pages.js';

/** However many watch it, the page is made once in this time: who watches cannot slow down who is served. */
const FRESH_MS = 1000;

export interface LazyPageOptions {
  readonly content: Pick<StatusContent, 'status'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** The page for people. Its code is loaded when a client first asks: most processes are looked at by programs alone. */
export class LazyPage implements PeoplesPage {
  private room: Promise<typeof pageRoom> | undefined;
  private last: { readonly page: ShownPage; readonly atMs: number } | undefined;

  constructor(private readonly options: LazyPageOptions) {}

  async html(): Promise<StatusAnswer> {
    const { html: text, contentSecurityPolicy } = await this.shown();
    return { code: 200, contentType: 'text/html; charset=utf-8', text, contentSecurityPolicy };
  }

  async json(): Promise<StatusAnswer> {
    const { json: text } = await this.shown();
    return { code: 200, contentType: 'application/json', text };
  }

  private async shown(): Promise<ShownPage> {
    this.room ??= import('./page/index.js');
    const { shownPage } = await this.room;
    const nowMs = this.options.now();
    const { last } = this;
    if (last !== undefined && Math.abs(nowMs - last.atMs) < FRESH_MS) return last.page;
    // Of the text of `/status`: what is cut out of that is cut out here.
    const page = shownPage(JSON.parse(statusText(this.options.content, 0)), nowMs);
    this.last = { page, atMs: nowMs };
    return page;
  }
}
