import t from 'tap';
import { bearerToken, clusterId } from '../../../src/citadel/issuance/caller-metadata.js';
import { codeOf } from '../../hotpath/pki.js';

function metadata(key: string, ...values: readonly string[]) {
  return { metadata: (name: string) => (name === key ? values : []) };
}

t.test('the token is what follows "Bearer "', async (t) => {
  t.equal(bearerToken(metadata('authorization', 'Bearer abc.def.ghi')), 'abc.def.ghi');
});

const refused = [
  { name: 'no value', values: [], want: 'ERR_TOKEN_MISSING' },
  { name: 'an empty value', values: [''], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a scheme alone', values: ['Bearer'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a scheme and a space', values: ['Bearer '], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'a small b', values: ['bearer abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'another scheme', values: ['Istio abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'two spaces', values: ['Bearer  abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'words behind the token', values: ['Bearer abc def'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'two values', values: ['Bearer abc', 'Bearer abc'], want: 'ERR_TOKEN_MALFORMED' },
  { name: 'two values that a proxy has joined', values: ['Bearer abc,Bearer def'], want: 'ERR_TOKEN_MALFORMED' },
] as const;

for (const { name, values, want } of refused) {
  t.test(`an authorization of ${name} is refused as ${want}`, async (t) => {
    const made = metadata('authorization', ...values);
    t.equal(
      codeOf(() => bearerToken(made)),
      want,
    );
  });
}

t.test('a refusal quotes nothing of what was sent', async (t) => {
  t.throws(() => bearerToken(metadata('authorization', 'Basic secret')), {
    message: 'authorization: got 1 values of 12 characters, expected one of the form "Bearer <token>"',
  });
});

const clusters = [
  { name: 'one value', values: ['Kubernetes'], want: 'Kubernetes' },
  { name: 'an empty value', values: [''], want: '' },
  { name: 'no value', values: [], want: '' },
  { name: 'two values, which count as none', values: ['a', 'b'], want: '' },
  { name: 'a long value, cut to 64 characters', values: ['x'.repeat(1000)], want: 'x'.repeat(64) },
] as const;

for (const { name, values, want } of clusters) {
  t.test(`the cluster id of ${name}`, async (t) => {
    t.equal(clusterId(metadata('clusterid', ...values)), want);
  });
}
