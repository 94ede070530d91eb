import type { ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import { CONFIG_MAPS, type ConfigMap, followResource } from '../../../src/kubernetes/api/index.js';
import { systemClock } from '../../../src/timers/index.js';
import { type Answer, configMap, FakeApiServer, json, listOf, refuse } from '../../support/fake-api-server.js';

const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const status = (code: number): object => ({ kind: 'Status', code, reason: 'Expired', message: 'too old' });

/** Follows what the fake server tells; what was seen, in its order. */
async function follow(t: Test, answer: Answer, idleMs?: number) {
  const server = await FakeApiServer.start(t, answer);
  const seen: string[] = [];
  let wake = (): void => {};
  const tell = (what: string): void => {
    seen.push(what);
    wake();
  };
  // No one waits for a minute in a test: pauses are turns of the loop; limits of time stay, and that of silence passes
  // when the test says so.
  const silences = new Set<() => void>();
  const after = (delayMs: number, fire: () => void): (() => void) => {
    if (delayMs !== idleMs) return systemClock.after(delayMs >= 5000 ? delayMs : 0, fire);
    silences.add(fire);
    return () => void silences.delete(fire);
  };
  const clock = { now: skippingClock(), after };
  const following = followResource<ConfigMap>({
    client: server.client({ clock, ...(idleMs !== undefined && { idleMs }) }),
    ...{ resource: CONFIG_MAPS, logger: server.logger, clock, random: () => 0 },
    observer: {
      onChange: ({ metadata: { name, resourceVersion } }) => tell(`${name} ${resourceVersion}`),
      onGone: ({ metadata: { name } }) => tell(`${name} gone`),
      onSynced: () => tell('synced'),
    },
  });
  t.teardown(() => following.close());
  const until = async (what: string): Promise<void> => {
    while (!seen.includes(what)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const passSilence = (): void => {
    for (const fire of silences) fire();
  };
  return { server, seen, until, following, passSilence };
}

/** Whatever is waited for is due at the next look. */
function skippingClock(): () => number {
  let nowMs = Date.now();
  return () => {
    nowMs += 10_000;
    return nowMs;
  };
}

/** Lists answer the first, watches the others, one after the other; the last one stays open. */
function script(lists: readonly object[], ...watches: readonly ((response: ServerResponse) => void)[]): Answer {
  let [list, watch] = [0, 0];
  return ({ url }, response) => {
    if (url.searchParams.get('watch') === null) json(response, lists[Math.min(list++, lists.length - 1)]);
    else (watches[watch++] ?? (() => void response.writeHead(200).flushHeaders()))(response);
  };
}

const versionsOf = (server: FakeApiServer): (string | null)[] =>
  server.requests.flatMap(({ url }) =>
    url.searchParams.has('watch') ? [url.searchParams.get('resourceVersion')] : [],
  );

t.test('a watch goes on from the last version, that of a bookmark too', async (t) => {
  const { server, seen, until } = await follow(
    t,
    script(
      [listOf([configMap('one', '1')], '5')],
      (response) =>
        response.end(event('ADDED', configMap('two', '6')) + event('BOOKMARK', { metadata: { resourceVersion: '9' } })),
      (response) => void response.write(event('MODIFIED', configMap('one', '12'))),
    ),
  );
  await until('one 12');
  t.strictSame(seen, ['one 1', 'synced', 'two 6', 'one 12']);
  t.strictSame(versionsOf(server), ['5', '9']);
  t.match(server.requests[1]?.url.searchParams.get('allowWatchBookmarks'), 'true');
});

const gone = [
  { name: 'as an event', end: (response: ServerResponse) => response.end(event('ERROR', status(410))) },
  { name: 'as a status', end: (response: ServerResponse) => refuse(response, 410, 'Expired') },
];

for (const { name, end } of gone) {
  t.test(`after 410 ${name} all is read again, and what has gone meanwhile is told`, async (t) => {
    const { server, seen, until } = await follow(
      t,
      script(
        [
          listOf([configMap('one', '1'), configMap('two', '2')], '5'),
          listOf([configMap('two', '2'), configMap('new', '8')], '9'),
        ],
        end,
        () => {},
      ),
    );
    await until('new 8');
    t.strictSame(seen, ['one 1', 'two 2', 'synced', 'one gone', 'new 8'], 'and what has not changed is not told again');
    t.strictSame(server.logger.lines, [], 'which is no fault');
  });
}

t.test('a line that was cut is read again, and one in pieces is one', async (t) => {
  const { server, seen, until } = await follow(
    t,
    script(
      [listOf([], '5')],
      (response) => {
        response.writeHead(200).write('{"type":"ADDED","object":{"metadata":{"name":"cut","resour');
        setImmediate(() => response.destroy());
      },
      async (response) => {
        response.writeHead(200);
        for (const octet of event('ADDED', configMap('whole', '6'))) {
          await new Promise((resolve) => response.write(octet, () => setImmediate(resolve)));
        }
      },
    ),
  );
  await until('whole 6');
  t.strictSame(seen, ['synced', 'whole 6']);
  t.match(server.logger.lines, [{ fields: { code: 'ERR_KUBERNETES_UNAVAILABLE', resource_name: 'configmaps' } }]);
});

const unfit = [
  'nonsense\n',
  '{"type":"ADDED"}\n',
  '{"type":"ADDED","object":{}}\n',
  '{"type":"NEWER","object":{}}\n',
  '[]\n',
];
for (const line of unfit) {
  t.test(`after the line ${JSON.stringify(line)} all is read again`, async (t) => {
    const { server, until } = await follow(
      t,
      script([listOf([], '5'), listOf([configMap('one', '6')], '7')], (response) => response.end(line)),
    );
    await until('one 6');
    t.match(server.logger.lines, [{ fields: { code: 'ERR_KUBERNETES_RESPONSE_INVALID' } }]);
  });
}

t.test('a watch on which nothing comes, not even a bookmark, is opened again', async (t) => {
  const { server, seen, until, passSilence } = await follow(
    t,
    script(
      [listOf([], '5')],
      (response) => void response.writeHead(200).write(event('ADDED', configMap('one', '6'))),
      (response) => void response.writeHead(200).write(event('ADDED', configMap('two', '7'))),
    ),
    30,
  );
  await until('one 6');
  passSilence();
  await until('two 7');
  t.strictSame(seen, ['synced', 'one 6', 'two 7']);
  t.strictSame(versionsOf(server).slice(0, 2), ['5', '6']);
  t.match(server.logger.lines[0]?.fields.error, /nothing came for 30 ms, not even a bookmark/);
});

t.test('an event without end is given up at its bound', async (t) => {
  const { server, until } = await follow(
    t,
    script([listOf([], '5'), listOf([configMap('one', '6')], '7')], (response) => {
      const more = (): void =>
        void (response.destroyed || response.write('x'.repeat(65_536), () => setImmediate(more)));
      more();
    }),
  );
  await until('one 6');
  t.match(server.logger.lines[0]?.fields.error, /^watch configmaps: got an event of more than 4194304 bytes/);
});

t.test('a server that was away or refused is asked again', async (t) => {
  let left = 3;
  const { server, until } = await follow(t, ({ url }, response) => {
    if (left-- > 0) refuse(response, 403, 'Forbidden', 'no role');
    else if (url.searchParams.has('watch')) response.writeHead(200).flushHeaders();
    else json(response, listOf([configMap('one', '6')], '7'));
  });
  await until('one 6');
  t.match(server.logger.lines[0]?.fields, {
    code: 'ERR_KUBERNETES_REFUSED',
    error: /expected a role that allows list/,
  });
});

t.test('closing ends a watch, a list and a pause', async (t) => {
  const watching = await follow(t, script([listOf([], '5')]));
  await watching.until('synced');
  await watching.following.close();
  await watching.following.close();
  const hanging = await follow(t, () => {});
  await hanging.following.close();
  t.strictSame(hanging.server.logger.lines, [], 'without a complaint');
});
