import t from 'tap';
import { RootSecret } from '../../src/app/citadel/root-secret.js';
import { FakeApiServer, json } from '../support/fake-api-server.js';

t.test('which Secret an authority is in is told by what was read, also while it is read again', async (t) => {
  const told: [string, boolean][] = [];
  let isThere = (name: string): boolean => name === 'istio-ca-secret';
  const server = await FakeApiServer.start(t, ({ url }, response) => {
    const name = url.pathname.split('/').at(-1) ?? '';
    told.push([secret.name, secret.isPluggedIn]);
    const metadata = { name, namespace: 'istio-system', resourceVersion: '1' };
    json(response, isThere(name) ? { metadata, data: { key: 'AA==' } } : {}, isThere(name) ? 200 : 404);
  });
  const secret = new RootSecret(server.client(), 'istio-system');
  const made: [string, boolean] = ['Secret istio-system/istio-ca-secret', false];
  const plugged: [string, boolean] = ['Secret istio-system/cacerts', true];
  await secret.read();
  await secret.read();
  t.strictSame(told.splice(0), [made, made, made, made]);
  isThere = (name) => name === 'cacerts';
  await secret.read();
  await secret.read();
  t.strictSame(told.splice(0), [made, plugged]);
  isThere = () => false;
  t.equal(await secret.read(), undefined);
  t.strictSame([secret.name, secret.isPluggedIn], made);
});
