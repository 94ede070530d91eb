import type { CancelSignal } from '../../cancellation/index.js';
import { errorCodeOf, type IdentityError } from '../../errors/index.js';
import { Metric, type MetricRegistry } from '../../telemetry/index.js';
import { sleep } from '../../timers/index.js';
import { type ApiCall, apiError, callText, connectionError, readApiStatus } from './api-failure.js';
import { type ConnectionOptions, HttpConnection, type HttpRequest, StaleConnection } from './http-connection.js';
import {
  apiVersionOf,
  isJsonObject,
  type JsonObject,
  type KubernetesObject,
  type Place,
  pathOf,
  placeText,
  type Resource,
  readObject,
  unfit,
} from './resource.js';
import type { ServerAccess } from './server-access.js';
import { readWatch, type WatchEvent } from './watch-stream.js';

export interface ApiClientOptions extends ConnectionOptions {
  readonly access: ServerAccess;
  readonly metrics?: MetricRegistry | undefined;
  /** Who changes objects, as `managedFields` name it. */
  readonly fieldManager: string;
  /** For one request and its answer. */
  readonly timeoutMs?: number;
  /** A watch on which nothing comes for so long is taken for dead. */
  readonly idleMs?: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What every call may take. */
export interface CallOptions {
  readonly signal?: CancelSignal | undefined;
}

export interface ListOptions extends CallOptions {
  /** Left out: all namespaces. */
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

export interface WatchOptions extends ListOptions {
  /** Of the last state that is known. */
  readonly resourceVersion: string;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

/** Two of the three kinds of a patch: what is asked for is owned by our field manager, or merged in. */
export type PatchKind = 'apply' | 'merge';

/** A request of which the client knows nothing but how its call is named. */
export interface RawRequest extends CallOptions {
  readonly call: ApiCall;
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly body?: Buffer | undefined;
  /** Which form of the answer is wanted; left out, JSON. */
  readonly accept?: string | undefined;
  readonly maxBytes?: number;
}

/** (RFC 7386; Kubernetes, "Server-Side Apply": JSON is YAML, too) */
const PATCH_TYPES: Readonly<Record<PatchKind, string>> = {
  apply: 'application/apply-patch+yaml',
  merge: 'application/merge-patch+json',
};

/** The API server gives a request 60 s, and needs milliseconds. */
const TIMEOUT_MS = 10_000;

/** Objects of a page: at a few kilobytes each far below {@link MAX_LIST_BYTES}. */
const PAGE_SIZE = 250;

/** etcd keeps at most 1.5 MiB for an object; in JSON, with its managed fields, it may be twice as much. */
const MAX_OBJECT_BYTES = 4 * 1024 * 1024;
const MAX_LIST_BYTES = 32 * 1024 * 1024;

/** While a list is read it may expire between two pages. */
const MAX_LIST_TRIES = 3;

/** Bookmarks come once a minute. (Kubernetes, "Watch bookmarks") */
const IDLE_MS = 150_000;

/** How long a watch lives, by draw: those of many replicas do not end together. */
const WATCH_LIFE_SECONDS = { least: 300, spread: 300 };

/** A request that was refused for the load of the server has not been done: it is sent again, so many times. */
const MAX_OVERLOADS = 3;

/** Before the first of these, unless the server says how long. */
const OVERLOAD_MS = 1000;

/**
 * Asks one API server: reads, writes and watches objects, over connections that are kept. Every method rejects with an
 * IdentityError which names verb, resource and object, and what the server said:
 *
 * - `ERR_KUBERNETES_UNAVAILABLE`: no connection, no answer in time, or an error of the server;
 * - `ERR_KUBERNETES_UNTRUSTED`: its certificate does not verify;
 * - `ERR_KUBERNETES_REFUSED`: credentials or role do not allow it;
 * - `ERR_KUBERNETES_OVERLOADED`: it has too much to do, also after it was asked again;
 * - `ERR_KUBERNETES_NOT_FOUND`, `ERR_KUBERNETES_CONFLICT` (exists already, or was changed meanwhile),
 *   `ERR_KUBERNETES_EXPIRED` (a resource version that it no longer has), `ERR_KUBERNETES_REJECTED` (all else);
 * - `ERR_KUBERNETES_RESPONSE_INVALID`: the answer is larger than it may be, or is none;
 * - `ERR_KUBERNETES_CONFIG_INVALID`: roots or credentials cannot be read or used; `ERR_CANCELLED`.
 */
export class ApiClient {
  private readonly connection: HttpConnection;

  constructor(private readonly options: ApiClientOptions) {
    this.connection = new HttpConnection(options.access, options);
  }

  /** `host:port` of the API server. */
  get server(): string {
    return this.connection.server;
  }

  async get<T extends KubernetesObject>(resource: Resource<T>, place: Place, options?: CallOptions): Promise<T> {
    const call = callOf('get', resource, place);
    return this.object(resource, { call, method: 'GET', path: pathOf(resource, place), ...options });
  }

  /** All objects, page by page. */
  async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.listOnce(resource, options);
      } catch (error) {
        // The next page is of a state that the server no longer has: all of it is read again.
        if (errorCodeOf(error) !== 'ERR_KUBERNETES_EXPIRED' || tries === MAX_LIST_TRIES) throw error;
      }
    }
  }

  /** `fields` are those of the object beside `apiVersion`, `kind` and its name. */
  async create<T extends KubernetesObject>(
    resource: Resource<T>,
    place: Place & { readonly name: string },
    fields: JsonObject,
    options?: CallOptions,
  ): Promise<T> {
    const path = `${pathOf(resource, { ...place, name: undefined })}?${this.managed()}`;
    const body = bodyOf(resource, place, fields);
    return this.object(resource, { call: callOf('create', resource, place), method: 'POST', path, body, ...options });
  }

  /** Replaces an object; with `metadata.resourceVersion` among the fields only that state of it. */
  async update<T extends KubernetesObject>(
    resource: Resource<T>,
    place: Place & { readonly name: string },
    fields: JsonObject,
    options?: CallOptions,
  ): Promise<T> {
    const path = `${pathOf(resource, place)}?${this.managed()}`;
    const body = bodyOf(resource, place, fields);
    return this.object(resource, { call: callOf('update', resource, place), method: 'PUT', path, body, ...options });
  }

  /**
   * `apply` says what these fields have to be, makes the object when there is none, and takes the fields over from
   * other managers; `merge` changes them in one that is there.
   */
  async patch<T extends KubernetesObject>(
    kind: PatchKind,
    resource: Resource<T>,
    place: Place & { readonly name: string },
    fields: JsonObject,
    options?: CallOptions,
  ): Promise<T> {
    const path = `${pathOf(resource, place)}?${this.managed()}${kind === 'apply' ? '&force=true' : ''}`;
    const body = bodyOf(resource, place, fields);
    const call = callOf('patch', resource, place);
    return this.object(resource, { call, method: 'PATCH', path, body, ...options }, PATCH_TYPES[kind]);
  }

  async delete(
    resource: Resource<KubernetesObject>,
    place: Place & { readonly name: string },
    options?: CallOptions,
  ): Promise<void> {
    await this.raw({
      call: callOf('delete', resource, place),
      method: 'DELETE',
      path: pathOf(resource, place),
      ...options,
    });
  }

  /**
   * Hands on what changes after a resource version, in the order in which it comes. Resolves when the server ends the
   * watch, as it does every few minutes.
   */
  async watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> {
    const { namespace, signal, resourceVersion } = options;
    const call = callOf('watch', resource, { namespace });
    const seconds = WATCH_LIFE_SECONDS.least + Math.floor(this.options.random() * WATCH_LIFE_SECONDS.spread);
    const query = new URLSearchParams({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(seconds),
      ...selectorsOf(options),
    });
    const path = `${pathOf(resource, { namespace })}?${query}`;
    const request = { call, method: 'GET', path, signal, timeoutMs: this.timeoutMs } as const;
    const { clock, idleMs = IDLE_MS } = this.options;
    const limits = { maxLineBytes: MAX_OBJECT_BYTES, maxErrorBytes: MAX_OBJECT_BYTES };
    const reader = { resource, call, onEvent, idleMs, clock, ...limits };
    await this.retried(call, () => this.connection.stream(request, (head) => readWatch(head, reader)), signal);
  }

  /** The bytes that the server answers with success. For what is no object, or holds keys. */
  raw(request: RawRequest, contentType?: string): Promise<Buffer> {
    const { call, signal } = request;
    return this.retried(call, () => this.once(request, contentType), signal);
  }

  /** Ends what is under way. Safe to call twice. */
  close(): void {
    this.connection.close();
  }

  private get timeoutMs(): number {
    return this.options.timeoutMs ?? TIMEOUT_MS;
  }

  private managed(): URLSearchParams {
    return new URLSearchParams({ fieldManager: this.options.fieldManager });
  }

  private async listOnce<T extends KubernetesObject>(
    resource: Resource<T>,
    options: ListOptions,
  ): Promise<ObjectList<T>> {
    const { namespace, signal } = options;
    const call = callOf('list', resource, { namespace });
    const items: T[] = [];
    for (let continued = ''; ; ) {
      const query = new URLSearchParams({
        limit: String(PAGE_SIZE),
        ...selectorsOf(options),
        ...(continued !== '' && { continue: continued }),
      });
      const path = `${pathOf(resource, { namespace })}?${query}`;
      const page = this.json(call, await this.raw({ call, method: 'GET', path, signal, maxBytes: MAX_LIST_BYTES }));
      const { metadata } = page;
      if (!isJsonObject(metadata) || typeof metadata.resourceVersion !== 'string') {
        throw unfit(callText(call), 'no list', 'one with metadata.resourceVersion');
      }
      // An empty list may be null.
      for (const item of Array.isArray(page.items) ? page.items : []) items.push(readObject(resource, item));
      if (typeof metadata.continue !== 'string' || metadata.continue === '') {
        return { items, resourceVersion: metadata.resourceVersion };
      }
      continued = metadata.continue;
    }
  }

  private async object<T extends KubernetesObject>(
    resource: Resource<T>,
    request: RawRequest,
    contentType?: string,
  ): Promise<T> {
    return readObject(resource, this.json(request.call, await this.raw(request, contentType)));
  }

  private json(call: ApiCall, body: Buffer): JsonObject {
    let value: unknown;
    try {
      value = JSON.parse(body.toString('utf8'));
    } catch {
      throw unfit(callText(call), `${body.length} bytes that are no JSON`, 'a JSON object');
    }
    if (!isJsonObject(value)) throw unfit(callText(call), 'another JSON value', 'a JSON object');
    return value;
  }

  private async once(request: RawRequest, contentType: string | undefined): Promise<Buffer> {
    const { call, method, path, body, accept, signal, maxBytes = MAX_OBJECT_BYTES } = request;
    const startedAtMs = performance.now();
    let outcome = 'OK';
    try {
      const sent = { call, method, path, body, accept, contentType, timeoutMs: this.timeoutMs, signal };
      const answer = await this.connection.send(sent, maxBytes);
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      throw apiError(call, readApiStatus(answer.status, answer.body), answer.retryAfterMs);
    } catch (error) {
      outcome = errorCodeOf(error);
      throw error;
    } finally {
      const labels = { verb: call.verb, code: outcome };
      const seconds = (performance.now() - startedAtMs) / 1000;
      this.options.metrics?.histogram(Metric.kubernetesRequestSeconds, labels).observe(seconds);
    }
  }

  /**
   * Sends again what is known not to have been done: over another connection when the kept one had ended, with the new
   * token when the old one was refused, later when the server has too much to do.
   */
  private async retried<T>(call: ApiCall, attempt: () => Promise<T>, signal: CancelSignal | undefined): Promise<T> {
    let [isStale, wasRefused, overloads] = [false, false, 0];
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const code = errorCodeOf(error);
        if (error instanceof StaleConnection) {
          if (isStale) throw connectionError(call, this.connection.server, error.cause);
          isStale = true;
        } else if (code === 'ERR_KUBERNETES_REFUSED' && !wasRefused && (await this.connection.hasNewToken())) {
          wasRefused = true;
        } else if (code === 'ERR_KUBERNETES_OVERLOADED' && overloads < MAX_OVERLOADS) {
          const asked = (error as IdentityError).retryAfterMs ?? OVERLOAD_MS * 2 ** overloads;
          overloads += 1;
          // A little more, by draw: callers that were refused together do not come back together.
          const delayMs = asked * (1 + this.options.random() / 4);
          await sleep(delayMs, signal === undefined ? [] : [signal], this.options.clock);
          if (signal?.isCancelled === true) throw error;
        } else {
          throw error;
        }
      }
    }
  }
}

function callOf(verb: string, { plural }: Pick<Resource<KubernetesObject>, 'plural'>, place: Place): ApiCall {
  return { verb, resource: plural, object: placeText(place) };
}

function selectorsOf({ fieldSelector, labelSelector }: ListOptions): Record<string, string> {
  return {
    ...(fieldSelector !== undefined && { fieldSelector }),
    ...(labelSelector !== undefined && { labelSelector }),
  };
}

function bodyOf(resource: Resource<KubernetesObject>, { namespace, name }: Place, fields: JsonObject): Buffer {
  const { metadata, ...others } = fields;
  const named = { ...(isJsonObject(metadata) ? metadata : {}), name, ...(namespace !== undefined && { namespace }) };
  return Buffer.from(
    JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: named, ...others }),
  );
}
