import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Pkcs11KeyReference } from '../../../src/system/pkcs11/index.js';
import { type Pkcs11Module, TokenOpener } from '../../../src/system/pkcs11/open-token.js';

const token = { slot: 5, label: 'mesh', manufacturer: 'A', model: 'B', serial: '1', flags: 0x4 };

interface Fake {
  readonly tokens?: readonly (typeof token)[];
  readonly keys?: readonly number[];
  readonly keyType?: number;
  readonly maySign?: boolean;
  readonly pin?: string;
}

const ckr = (message: string, returnValue: number) => Object.assign(new Error(message), { code: 'CKR', returnValue });

/** A module of one token whose PIN is `1234`, and what was asked of it. */
function opener(t: Test, { pin = '1234', ...fake }: Fake = {}, changes: Partial<Pkcs11KeyReference> = {}) {
  const { tokens = [token], keys = [9], keyType = 3, maySign = true } = fake;
  const pinFile = join(t.testdir({}), 'pin');
  const writePin = (text: string): void => writeFileSync(pinFile, text);
  writePin(`${pin}\n`);
  const asked: string[] = [];
  const module = {
    tokens: () => tokens,
    openSession: (slot: number) => asked.push(`open ${slot}`),
    login(session: number, bytes: Uint8Array) {
      asked.push(`login ${session} ${Buffer.from(bytes)}`);
      if (String(Buffer.from(bytes)) !== '1234') throw ckr('C_Login', 0xa0);
    },
    privateKeys: (_: number, label: Uint8Array | undefined, id: Uint8Array | undefined) => {
      asked.push(`find ${label && Buffer.from(label)} ${id && Buffer.from(id).toString('hex')}`);
      return keys;
    },
    attribute: (_: number, __: number, type: number) =>
      type === 0x100 ? new Uint32Array([keyType, 0]).buffer : new Uint8Array([maySign ? 1 : 0]).buffer,
    finalize: () => asked.push('finalize'),
  } as unknown as Pkcs11Module;
  const reference: Pkcs11KeyReference = {
    ...{ modulePath: '/m.so', token: 'mesh', object: 'citadel', id: 'a1', pinFile },
    ...{ serial: undefined, manufacturer: undefined, model: undefined },
    ...changes,
  };
  let digest: string | undefined;
  const onChange = (next: string | undefined): void => {
    digest = next;
  };
  const open = () => new TokenOpener(reference, 2, () => module, { digest, onChange });
  return { opener: open(), asked, writePin, openAnother: open };
}

t.test('a key is opened by sessions, one login and one search; and again by ending what was', async (t) => {
  const { opener: token, asked } = opener(t);
  t.match(await token.open(), { sessions: [1, 2], key: 9, keyType: 'ec' });
  t.strictSame(asked.splice(0), ['open 5', 'open 5', 'login 1 1234', 'find citadel a1']);
  await token.open();
  t.strictSame(asked, ['finalize', 'open 5', 'open 5', 'login 2 1234', 'find citadel a1']);
});

t.test('a PIN that was refused is not tried again until its file has another one', async (t) => {
  const { opener: token, asked, writePin, openAnother } = opener(t, { pin: '9999' });
  await t.rejects(token.open(), { message: 'token mesh: C_Login: CKR_PIN_INCORRECT' });
  for (let count = 0; count < 5; count += 1)
    await t.rejects(token.open(), {
      message: /^token mesh: it has refused the PIN of .* not tried again until it changes$/,
    });
  await t.rejects(openAnother().open(), { message: /not tried again/ }, 'nor by the process after it');
  t.equal(asked.filter((one) => one.startsWith('login')).length, 1);
  writePin('1234');
  t.equal((await token.open()).key, 9);
  t.equal((await openAnother().open()).key, 9);
});

const refused: readonly (readonly [name: string, fake: Fake, changes: Partial<Pkcs11KeyReference>, says: RegExp])[] = [
  ['no such token', {}, { token: 'other' }, /got no such token among mesh \(serial 1\), expected one/],
  ['two such tokens', { tokens: [token, { ...token, slot: 6 }] }, {}, /more than one such token/],
  ['a token of another serial', {}, { serial: '2' }, /no such token/],
  ['no token at all', { tokens: [] }, {}, /no such token among none/],
  ['no such key', { keys: [] }, {}, /token mesh: got no such private key/],
  ['two such keys', { keys: [1, 2] }, {}, /more than one such private key/],
  ['a key of another type', { keyType: 2 }, {}, /another type, expected EC or RSA/],
  ['a key that may not sign', { maySign: false }, {}, /may not sign/],
];
for (const [name, fake, changes, says] of refused) {
  t.test(`${name} is told`, async (t) => {
    await t.rejects(opener(t, fake, changes).opener.open(), { message: says });
  });
}

const refusedBeforeLogin: typeof refused = [
  ['a locked PIN', { tokens: [{ ...token, flags: 0x40004 }] }, {}, /PIN is locked/],
  ['a last try', { tokens: [{ ...token, flags: 0x20004 }] }, {}, /one wrong PIN more would lock it/],
  ['no PIN file', {}, { pinFile: undefined }, /wants a PIN, got no pin-source/],
  ['a PIN file that is missing', {}, { pinFile: '/nowhere/pin' }, /PIN file \/nowhere\/pin: .*(ENOENT|no such file)/],
  ['an empty PIN file', { pin: '' }, {}, /got no PIN/],
];
for (const [name, fake, changes, says] of refusedBeforeLogin) {
  t.test(`${name} is told, and uses up no try of the PIN`, async (t) => {
    const { opener: token, asked } = opener(t, fake, changes);
    await t.rejects(token.open(), { message: says });
    t.notMatch(asked.join('\n'), /login/);
  });
}

t.test('a token without a PIN needs no file', async (t) => {
  const { opener: free, asked } = opener(t, { tokens: [{ ...token, flags: 0 }] }, { pinFile: undefined });
  t.equal((await free.open()).keyType, 'ec');
  t.notMatch(asked.join(' '), /login/);
});
