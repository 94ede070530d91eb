import { createServer } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { shortDir } from '../support/short-dir.js';
import { runSidecert } from '../support/sidecert-process.js';

const LEAF = { serial: 'a1', spiffe_id: 'spiffe://d/ns/a/sa/x', not_after: '2999-01-01T00:00:00.000Z' };

/** The status page of a Citadel that knows of one certificate, and answers a revocation by `tells`. */
async function page(t: Test, path: string, tells: { readonly status: number; readonly body: string }): Promise<void> {
  const server = createServer(({ url = '' }, response) => {
    const isTrial = new URL(url, 'http://localhost').searchParams.has('trial');
    const { status, body } = isTrial ? { status: 200, body: JSON.stringify({ certificates: [LEAF] }) } : tells;
    response.writeHead(status, { connection: 'close' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => server.close());
}

t.test('of several Citadels those are told by name that have not revoked what others have', async (t) => {
  const directory = shortDir(t);
  const [one, two] = [join(directory, 'one'), join(directory, 'two')];
  await page(t, one, { status: 200, body: JSON.stringify({ certificates: [LEAF] }) });
  await page(t, two, { status: 409, body: 'ERR_TRAIL_UNAVAILABLE: the disk is full' });
  const revoke = ['revoke', '--status-address', one, '--status-address', two, '--serial', 'a1'];
  t.match(await runSidecert(t, revoke), {
    ...{ code: 1, err: /ERR_TRAIL_UNAVAILABLE: the disk is full/ },
    out: `NOT revoked by ${two}: serial a1, spiffe://d/ns/a/sa/x, until 2999`,
  });
  const json = JSON.parse((await runSidecert(t, [...revoke, '-o', 'json'])).out);
  t.same(json, { certificates: [{ ...LEAF, not_revoked_by: [two] }] });
  t.match(await runSidecert(t, [...revoke, '--dry-run']), { code: 0, out: /^would be revoked: serial a1/ });
});

t.test('one that revokes only a part is no success', async (t) => {
  const directory = shortDir(t);
  const [one, two] = [join(directory, 'one'), join(directory, 'two')];
  await page(t, one, { status: 200, body: JSON.stringify({ certificates: [] }) });
  await page(t, two, { status: 200, body: JSON.stringify({ certificates: [LEAF] }) });
  t.match(await runSidecert(t, ['revoke', '--status-address', one, '--status-address', two, '--serial', 'a1']), {
    ...{ code: 1, out: `NOT revoked by ${one}: serial a1` },
  });
});
