import t from 'tap';
import { parsePkcs11Uri } from '../../src/config/pkcs11-uri.js';

const NOTHING = {
  ...{ token: undefined, serial: undefined, manufacturer: undefined, model: undefined },
  ...{ object: undefined, id: undefined, pinFile: undefined },
};

const good = [
  {
    name: 'token and key by their labels, with a PIN file',
    uri: 'pkcs11:token=mesh;object=citadel?module-path=/lib/hsm.so&pin-source=/etc/pin',
    key: { modulePath: '/lib/hsm.so', token: 'mesh', object: 'citadel', pinFile: '/etc/pin' },
  },
  {
    name: 'a PIN file as a URI of its own',
    uri: 'pkcs11:token=mesh;object=citadel?module-path=/lib/hsm.so&pin-source=file:///etc/pin',
    key: { modulePath: '/lib/hsm.so', token: 'mesh', object: 'citadel', pinFile: '/etc/pin' },
  },
  {
    name: 'octets in per cent form, of texts in UTF-8 and of an id',
    uri: 'pkcs11:serial=00%2d1;token=K%C3%BCche%20%3b;id=%a1%00B;type=private?pin-source=file:/p&module-path=/l%3Fm.so',
    key: { modulePath: '/l?m.so', token: 'Küche ;', serial: '00-1', id: 'a10042', pinFile: '/p' },
  },
  {
    name: 'a token that wants no login, by what its vendor says',
    uri: 'PKCS11:serial=7;manufacturer=A;model=B;id=%01?module-path=/lib/hsm.so',
    key: { modulePath: '/lib/hsm.so', serial: '7', manufacturer: 'A', model: 'B', id: '01' },
  },
];
for (const { name, uri, key } of good) {
  t.test(name, async (t) => {
    t.strictSame(parsePkcs11Uri(uri), { ...NOTHING, ...key });
  });
}

const rest = '?module-path=/lib/hsm.so';
const bad: readonly (readonly [uri: string, says: RegExp])[] = [
  ['/etc/key.pem', /another scheme/],
  [`pkcs11:object=a${rest}`, /no token=LABEL and no serial=NUMBER/],
  [`pkcs11:token=a${rest}`, /no object=LABEL and no id=BYTES/],
  ['pkcs11:token=a;object=b', /no module-path=FILE/],
  ['pkcs11:token=a;object=b?module-path=hsm.so', /module-path that is not absolute/],
  [`pkcs11:token=a;object=b${rest}&pin-source=pin`, /pin-source that is not the absolute path/],
  [`pkcs11:token=a;object=b${rest}&pin-source=https://x/pin`, /pin-source that is not the absolute path/],
  [`pkcs11:token=a;object=b${rest}&pin-value=1234`, /the PIN itself/],
  [`pkcs11:token=a;object=b${rest}&module-name=hsm`, /not one of module-path, pin-source/],
  [`pkcs11:token=a;object=b;type=public${rest}`, /a type other than private/],
  [`pkcs11:token=a;token=b;object=b${rest}`, /token twice/],
  [`pkcs11:token=;object=b${rest}`, /empty or malformed token/],
  [`pkcs11:token=a%2;object=b${rest}`, /empty or malformed token/],
  [`pkcs11:token=a b;object=b${rest}`, /empty or malformed token/],
  [`pkcs11:token=a;slot-id=1;object=b${rest}`, /not one of token, serial/],
  [`pkcs11:token=a;object=b${rest}?pin-source=/p`, /two question marks/],
  ['pkcs11:', /no token/],
];
for (const [uri, says] of bad) {
  t.test(`${uri} is refused`, async (t) => {
    t.match(parsePkcs11Uri(uri), says);
  });
}

t.test('whatever comes, it is a key or a reason', async (t) => {
  const parts = [
    'pkcs11:',
    'token',
    '=',
    'a',
    ';',
    'object',
    '?',
    '&',
    '%',
    '%00',
    'module-path',
    '/m',
    'pin-source',
    'file:',
  ];
  let seed = 1;
  const next = (): string => {
    seed = (seed * 48_271) % 2_147_483_647;
    return parts[seed % parts.length] ?? '';
  };
  for (let run = 0; run < 20_000; run += 1) {
    const result = parsePkcs11Uri(`pkcs11:${Array.from({ length: run % 24 }, next).join('')}`);
    const isSound =
      typeof result === 'string' || (result.modulePath.startsWith('/') && !result.modulePath.includes('\0'));
    if (!isSound) t.fail(JSON.stringify(result));
  }
});
