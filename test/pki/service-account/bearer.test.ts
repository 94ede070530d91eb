import t from 'tap';
import { bearerToken, bearerValue, isBearerToken, splitCompactJwt } from '../../../src/pki/service-account/index.js';
import { codeOf } from '../../hotpath/pki.js';

t.test('the token is what follows "Bearer ", and is sent so', async (t) => {
  for (const token of ['abc.def.ghi', 'a', 'A-z_0.9~+/==', 't'.repeat(20_000)]) {
    t.equal(bearerToken([`Bearer ${token}`]), token);
    t.equal(bearerValue(token), `Bearer ${token}`);
  }
});

const refused = [
  { name: 'no value', values: [], want: 'ERR_TOKEN_MISSING' },
  { name: 'an empty value', values: [''], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a scheme alone', values: ['Bearer'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a scheme and a space', values: ['Bearer '], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a small b', values: ['bearer abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'another scheme', values: ['Istio abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'two spaces', values: ['Bearer  abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a space behind the token', values: ['Bearer abc '], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'words behind the token', values: ['Bearer abc def'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a token with a quote', values: ['Bearer "abc"'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'two values', values: ['Bearer abc', 'Bearer abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'two values that a proxy has joined', values: ['Bearer abc,Bearer def'], want: 'ERR_TOKEN_MALFORMED' },
] as const;

for (const { name, values, want } of refused) {
  t.test(`an authorization of ${name} is refused as ${want}`, async (t) => {
    t.equal(
      codeOf(() => bearerToken(values)),
      want,
    );
  });
}

t.test('what no reader takes for a token is not sent', async (t) => {
  t.throws(() => bearerValue(''), { code: 'ERR_TOKEN_MISSING' });
  for (const text of ['two words', 'abc ', 'a\r\nb', 'ü', 'a,b']) {
    t.throws(() => bearerValue(text), { code: 'ERR_TOKEN_MALFORMED' }, JSON.stringify(text));
  }
});

t.test('a refusal quotes nothing of what was sent', async (t) => {
  t.throws(() => bearerToken(['Basic secret']), {
    message: 'authorization: got 1 values of 12 characters, expected one of the form "Bearer <token>"',
  });
  t.throws(() => bearerValue('my secret'), { message: /^token is malformed: got characters that no bearer token has/ });
});

t.test('each character stands in a token as RFC 6750 has it, padding only at its end', async (t) => {
  const form = /^[A-Za-z0-9\-._~+/]+=*$/;
  const characters = Array.from({ length: 300 }, (_, code) => String.fromCharCode(code));
  const texts = characters.flatMap((one) => [one, `a${one}`, `${one}a`, `a${one}=`, `a=${one}`, `a==${one}a`]);
  t.strictSame(
    texts.filter((text) => isBearerToken(text) !== form.test(text)),
    [],
  );
});

t.test('no token is left in what V8 keeps of the last match of a regular expression', async (t) => {
  const token = 'aaaa.bbbb.cccc';
  const isOther = /other/.test('some other text');
  const [read, parts, kept] = [bearerToken([`Bearer ${token}`]), splitCompactJwt(token), RegExp.input];
  t.ok(isOther);
  t.equal(read, token);
  t.match(parts, { header: 'aaaa', payload: 'bbbb', signature: 'cccc', signedText: 'aaaa.bbbb' });
  t.equal(kept, 'some other text');
});
